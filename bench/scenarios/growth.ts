import { setTimeout as sleep } from "node:timers/promises";
import { Flow, Meter } from "../lib/flow.ts";
import { mostConnections } from "../lib/machine.ts";
import { startServer } from "../lib/process.ts";
import { crowd, stage, Watch } from "../lib/round.ts";
import { among, onSockets } from "../peers.ts";
import type { Client } from "../wire/wire.ts";
import type { Series } from "./scenario.ts";

/** Texts in flight; fewer where there are fewer rooms, for no room has two. */
const AT_ONCE = 16;

interface Growing {
  readonly name: string;
  readonly title: string;
  readonly axis: string;
  /** How large it is at each point; fewer where there cannot be so many connections. */
  readonly sizes: readonly number[];
  /** Connections for each. */
  readonly connections: number;
  /** Those there are at some size. */
  rooms(size: number): { readonly count: number; readonly members: number };
}

/** In each room one speaks and the others hear it. Texts go round: when all have one, the next room has the next one. */
function growth({ name, title, axis, sizes, connections, rooms }: Growing): Series {
  return {
    name,
    title,
    axis,
    unit: "µs of server CPU per delivery",
    flat: 1.15,
    long: true,
    peers: among(onSockets, "floor", "ws", "actionwire"),
    sizes({ most }) {
      const largest = Math.floor(Math.min(most, mostConnections()) / connections);
      return [...new Set(sizes.map((size) => Math.min(size, largest)))];
    },
    async open({ program, wire }, scale) {
      const server = await startServer(program);
      const meter = new Meter();
      const clients: Client[] = [];
      const flows: Flow[] = [];
      const fill = async (size: number): Promise<void> => {
        const { count, members } = rooms(size);
        const before = clients.length;
        const roomOf = (index: number): number => Math.floor((before + index) / members);
        const more = await crowd(wire, server, count * members - before, { roomOf });
        for (const [index, client] of more.entries()) {
          const room = roomOf(index);
          flows[room] ??= new Flow(meter);
          if ((before + index) % members === 0) flows[room].speaks((text) => client.say(text));
          else client.receiver = flows[room].receiver();
        }
        clients.push(...more);
      };
      await fill(sizes[0]!);
      const begin = (flow: Flow, index: number): void => {
        const between = Math.ceil(flows.length / AT_ONCE);
        flow.open(index % between === 0 ? 1 : 0, flows[(index + 1) % flows.length]);
      };
      const { warmUp, round, close } = await stage(
        { servers: [server], clients, flows, meter, begin },
        scale,
      );
      let atRest = 0;
      return {
        async grow(size) {
          await fill(size);
          await warmUp();
          const watch = new Watch([server]);
          await sleep(2_000 * scale.measured);
          atRest = watch.read().serverShare;
        },
        round: async () => ({ ...(await round()), atRest }),
        close,
      };
    },
  };
}

export const growths: readonly Series[] = [
  growth({
    name: "growth-members",
    title: "one room, one message at a time",
    axis: "members",
    sizes: [10, 100, 1_000, 10_000, 20_000],
    connections: 1,
    rooms: (size) => ({ count: 1, members: size }),
  }),
  growth({
    name: "growth-rooms",
    title: "rooms of two, 16 messages in flight, in one room after the other",
    axis: "rooms",
    sizes: [1, 10, 100, 1_000, 10_000],
    connections: 2,
    rooms: (size) => ({ count: size, members: 2 }),
  }),
  growth({
    name: "growth-connections",
    title: "rooms of 100, 16 messages in flight, in one room after the other",
    axis: "connections",
    sizes: [100, 1_000, 5_000, 10_000, 20_000],
    connections: 1,
    rooms: (size) => ({ count: Math.floor(size / 100), members: 100 }),
  }),
];
