import { secured } from "../lib/certificate.ts";
import type { Door } from "../lib/dial.ts";
import { Flow, Meter } from "../lib/flow.ts";
import { startServer } from "../lib/process.ts";
import { crowd, stage } from "../lib/round.ts";
import { among, onCallback, onEvents, onPolling, onSockets, type Peers } from "../peers.ts";
import type { Scenario } from "./scenario.ts";

/** Another way than plain sockets. */
interface Way {
  readonly door: Omit<Door, "port">;
  /** What a server needs to know of it. */
  env(): Record<string, string>;
}

interface Room {
  readonly peers: Peers;
  readonly members: number;
  readonly inFlight: number;
  /** The goal: at most so many times the floor. */
  readonly times?: number;
  readonly way?: Way;
  /** Bytes of a text. */
  readonly length?: number;
}

/** One speaks in a room, and all others hear it. */
function fanout(name: string, title: string, room: Room): Scenario {
  const { peers, members, inFlight, times, way, length } = room;
  return {
    name,
    title,
    unit: "µs of server CPU per delivery",
    ...(times ? { goal: { peer: "floor", times } } : {}),
    peers,
    async open({ program, wire }, scale) {
      const server = await startServer(program, way?.env());
      const door = { ...way?.door, port: server.port };
      const meter = new Meter();
      const flow = new Flow(meter, length);
      const receivers = await crowd(wire, door, members);
      for (const client of receivers) client.receiver = flow.receiver();
      const speaker = await wire.open(door, 0);
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

const tls: Way = { door: { secure: true }, env: secured };
const deflate: Way = { door: { deflate: true }, env: () => ({ DEFLATE: "true" }) };
const compressing = among(onSockets, "floor", "ws", "bun", "socket.io", "actionwire");

export const otherSockets: readonly Scenario[] = [
  fanout("tls", "TLS, room of 1,000, one message at a time", { ...room, inFlight: 1, way: tls }),
  fanout("deflate", "permessage-deflate, room of 200, one message of 2 KiB at a time", {
    peers: compressing,
    members: 200,
    inFlight: 1,
    way: deflate,
    length: 2_048,
  }),
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
