import { Flow, Meter } from "../lib/flow.ts";
import { startServer } from "../lib/process.ts";
import { crowd, stage } from "../lib/round.ts";
import { among, onPolling, onSockets } from "../peers.ts";
import type { Client, Wire } from "../wire/wire.ts";
import type { Scenario } from "./scenario.ts";

/** Of each room, beside one member that polls. */
const SOCKETS = 23;
/** Milliseconds between two says of a room, and between two actions of whoever asks for actions: one for each room. */
const BETWEEN_SAYS = 400;
const BETWEEN_ACTIONS = 1_000;

const pollingOf = (program: string): Wire =>
  Object.values(onPolling).find((peer) => peer.program === program)!.wire;

/** What an application is like: says in many rooms, actions and polls among them. */
export const mixed: Scenario = {
  name: "mixed",
  title: "rooms of 24, one of them polling; 2.5 says a second in each, and an action",
  unit: "µs of server CPU per delivery of a say, with everything else",
  peers: among(onSockets, "socket.io", "actionwire"),
  async open({ program, wire }, scale) {
    const { rooms } = scale;
    const server = await startServer(program);
    const sockets = await crowd(wire, server, SOCKETS * rooms, { roomOf: (index) => 1 + (index % rooms) });
    const pollers = await crowd(pollingOf(program), server, rooms, { roomOf: (index) => 1 + index });
    const askers = await crowd(wire, server, rooms);

    const says = new Meter();
    const actions = new Meter();
    const speaking = pollers.map((poller, room) => {
      const [speaker, ...others] = sockets.filter((_, index) => index % rooms === room) as [
        Client,
        ...Client[],
      ];
      const flow = new Flow(says);
      flow.speaks((text) => speaker.say(text));
      for (const client of [poller, ...others]) client.receiver = flow.receiver();
      return flow;
    });
    const asking = new Set(
      askers.map((asker) => {
        const flow = new Flow(actions);
        flow.speaks((text) => asker.act(text));
        asker.receiver = flow.receiver();
        return flow;
      }),
    );
    const begin = (flow: Flow): void => flow.every(asking.has(flow) ? BETWEEN_ACTIONS : BETWEEN_SAYS);
    const clients = [...sockets, ...pollers, ...askers];
    const flows = [...speaking, ...asking];
    const longer = { ...scale, measured: 4 * scale.measured };
    return stage({ servers: [server], clients, flows, meter: says, begin }, longer);
  },
};
