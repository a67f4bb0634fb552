import { setTimeout as sleep } from "node:timers/promises";
import { mostConnections } from "../lib/machine.ts";
import { startServer } from "../lib/process.ts";
import { crowd, Watch } from "../lib/round.ts";
import { among, onSockets } from "../peers.ts";
import type { Scenario } from "./scenario.ts";

/** What it costs to have many connections on which nothing happens: looking after them, and their asking again. */
export const idle: Scenario = {
  name: "idle",
  title: "idle connections, in one room",
  unit: "% of a core",
  goal: { most: 2 },
  long: true,
  rounds: 1,
  peers: among(onSockets, "ws", "bun", "socket.io", "faye", "primus", "actionwire", "actionwire (stock)"),
  open: async ({ program, wire }, { most, idle: [settling, measured] }) => ({
    async round() {
      const connections = Math.min(most, mostConnections());
      const server = await startServer(program);
      const clients = await crowd(wire, server, connections);
      await sleep(settling * 1000);
      const watch = new Watch([server]);
      await sleep(measured * 1000);
      const { serverShare, loadShare, otherShare, memory } = watch.read();
      await server.stop();
      for (const client of clients) client.close();
      return { cost: 100 * serverShare, connections, serverShare, loadShare, otherShare, memory };
    },
    close: async () => {},
  }),
};
