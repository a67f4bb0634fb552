import { mostConnections } from "../lib/machine.ts";
import { startServer } from "../lib/process.ts";
import { crowd, Watch } from "../lib/round.ts";
import { among, onSockets } from "../peers.ts";
import type { Scenario } from "./scenario.ts";

/** How much more a server holds with many idle members of a room than with few. */
export const memory: Scenario = {
  name: "memory",
  title: "idle members of a room",
  unit: "KiB of memory more per member",
  goal: { peer: "ws", times: 1.5 },
  rounds: 1,
  peers: among(onSockets, "ws", "bun", "socket.io", "faye", "primus", "actionwire", "actionwire (stock)"),
  open: async ({ program, wire }, { members: [few, wanted] }) => ({
    async round() {
      const many = Math.min(wanted, mostConnections());
      const server = await startServer(program);
      const watch = new Watch([server]);
      const first = await crowd(wire, server, few);
      await server.collect();
      const before = server.resident();
      const others = await crowd(wire, server, many - few);
      await server.collect();
      const cost = (server.resident() - before) / (many - few);
      const { serverShare, loadShare, otherShare, memory } = watch.read();
      await server.stop();
      for (const client of [...first, ...others]) client.close();
      return { cost, serverShare, loadShare, otherShare, memory };
    },
    close: async () => {},
  }),
};
