import { startServer } from "../lib/process.ts";
import { crowd, Watch } from "../lib/round.ts";
import { Histogram } from "../lib/statistics.ts";
import { among, onSockets } from "../peers.ts";
import type { Scenario } from "./scenario.ts";

const AT_A_TIME = 50;

/** Connections come until they are usable and in a room, and stay. */
export const connect: Scenario = {
  name: "connect",
  title: `connect until usable and in a room, ${AT_A_TIME} at a time`,
  unit: "µs of server CPU per connection",
  goal: { peer: "socket.io", times: 0.6 },
  peers: among(onSockets, "ws", "bun", "socket.io", "faye", "primus", "actionwire", "actionwire (stock)"),
  open: async ({ program, wire }, { connections }) => ({
    async round() {
      const server = await startServer(program);
      const latency = new Histogram();
      const first = await crowd(wire, server, connections / 2, { atATime: AT_A_TIME });
      const watch = await Watch.observing([server]);
      const clients = await crowd(wire, server, connections, {
        atATime: AT_A_TIME,
        opened: (ms) => latency.add(ms),
      });
      const { micros, seconds, bytes, ...used } = watch.read();
      const pauses = await watch.pauses(micros);
      await server.stop();
      for (const client of [...first, ...clients]) client.close();
      return {
        cost: micros / connections,
        rate: connections / seconds,
        p50: latency.quantile(0.5),
        p99: latency.quantile(0.99),
        p999: latency.quantile(0.999),
        bytes: bytes / connections,
        ...used,
        ...pauses,
      };
    },
    close: async () => {},
  }),
};
