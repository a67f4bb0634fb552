import { Flow, Meter } from "../lib/flow.ts";
import { startServer } from "../lib/process.ts";
import { crowd, stage } from "../lib/round.ts";
import { among, onSockets } from "../peers.ts";
import type { Scenario } from "./scenario.ts";

const ROOMS = 100;

/** Rooms of two: one speaks, the other hears it. What a say costs, more than what its fan-out costs. */
export const say: Scenario = {
  name: "say",
  title: `${ROOMS} rooms of two, one speaks in each, one message at a time`,
  unit: "µs of server CPU per say",
  peers: among(onSockets, "floor", "ws", "bun", "socket.io", "faye", "actionwire", "actionwire (stock)"),
  async open({ program, wire }, scale) {
    const server = await startServer(program);
    const meter = new Meter();
    const clients = await crowd(wire, server, 2 * ROOMS, { roomOf: (index) => 1 + (index >> 1) });
    const flows = Array.from({ length: ROOMS }, (_, room) => {
      const flow = new Flow(meter);
      flow.speaks((text) => clients[2 * room]!.say(text));
      clients[2 * room + 1]!.receiver = flow.receiver();
      return flow;
    });
    return stage({ servers: [server], clients, flows, meter, begin: (flow) => flow.open(1) }, scale);
  },
};
