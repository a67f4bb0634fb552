import { Flow, Meter } from "../lib/flow.ts";
import { startServer } from "../lib/process.ts";
import { crowd, stage } from "../lib/round.ts";
import { onCallback, onEvents, onPolling, onSockets, type Peers } from "../peers.ts";
import type { Scenario } from "./scenario.ts";

interface Room {
  readonly peers: Peers;
  readonly members: number;
  readonly inFlight: number;
  /** The goal: at most so many times the floor. */
  readonly times?: number;
}

/** One speaks in a room, and all others hear it. */
function fanout(name: string, title: string, { peers, members, inFlight, times }: Room): Scenario {
  return {
    name,
    title,
    unit: "µs of server CPU per delivery",
    ...(times ? { goal: { peer: "floor", times } } : {}),
    peers,
    async open({ program, wire }, scale) {
      const server = await startServer(program);
      const meter = new Meter();
      const flow = new Flow(meter);
      const receivers = await crowd(wire, server.port, members);
      for (const client of receivers) client.receiver = flow.receiver();
      const speaker = await wire.open(server.port, 0);
      flow.speaks((text) => speaker.say(text));
      const clients = [speaker, ...receivers];
      return stage(
        { servers: [server], clients, flows: [flow], meter, begin: () => flow.open(inFlight) },
        scale,
      );
    },
  };
}

const room = { peers: onSockets, members: 1_000 };
const polls = { peers: onPolling, members: 200, times: 1.25 };
const events = { peers: onEvents, members: 200 };
const callbacks = { peers: onCallback, members: 200 };

export const rooms: readonly Scenario[] = [
  fanout("fanout", "room of 1,000, one message at a time", { ...room, inFlight: 1, times: 1.1 }),
  fanout("fanout-16", "room of 1,000, 16 messages in flight", { ...room, inFlight: 16, times: 1.25 }),
];

export const otherTransports: readonly Scenario[] = [
  fanout("polling", "long-polling, room of 200, one message at a time", { ...polls, inFlight: 1 }),
  fanout("polling-16", "long-polling, room of 200, 16 messages in flight", { ...polls, inFlight: 16 }),
  fanout("eventsource", "EventSource, room of 200, one message at a time", { ...events, inFlight: 1 }),
  fanout("callback-polling", "callback-polling, room of 200, one message at a time", {
    ...callbacks,
    inFlight: 1,
  }),
];
