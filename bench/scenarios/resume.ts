import { setTimeout as sleep } from "node:timers/promises";
import { Flow, Meter, type Receiver } from "../lib/flow.ts";
import { type Server, startServer } from "../lib/process.ts";
import { type Redis, startRedis } from "../lib/redis.ts";
import { crowd, each, type Sample, type Scale, Watch } from "../lib/round.ts";
import { Histogram } from "../lib/statistics.ts";
import { textOf } from "../lib/text.ts";
import { among, onSockets, type Peer } from "../peers.ts";
import type { Client } from "../wire/wire.ts";
import type { Scenario } from "./scenario.ts";

/** Texts that all hear before, that are said while all are away, and that all hear afterwards. */
const BEFORE = 3;
const MISSED = 10;
const AFTER = 3;
/** Milliseconds: the servers notice that all are away; between the last text and the return. */
const AWAY = 500;
/** As many as a server's backlog takes by default. */
const AT_A_TIME = 500;
/** Numbers of texts that nobody is to hear. */
const LOST = 1_000_000;

/** Tells when its client has got what was said up to some number. */
class Witness implements Receiver {
  #until = Number.POSITIVE_INFINITY;
  #seen: () => void = () => {};
  readonly #receiver: Receiver;

  constructor(receiver: Receiver) {
    this.#receiver = receiver;
  }

  heard(number: number, now: number): void {
    this.#receiver.heard(number, now);
    if (number === this.#until) this.#seen();
  }

  has(number: number): Promise<void> {
    return new Promise((seen) => {
      this.#until = number;
      this.#seen = seen;
    });
  }
}

/** All are cut off at once, miss some texts, and come back: at the other node, if there are two. */
async function storm(
  { program, wire }: Peer,
  { returning }: Scale,
  nodeCount: number,
  redis: Redis | null,
): Promise<Sample> {
  const env: Record<string, string> = redis ? { REDIS_URL: redis.url } : {};
  const nodes: Server[] = [];
  for (let node = 0; node < nodeCount; node += 1) nodes.push(await startServer(program, env));
  const nodeOf = (index: number): Server => nodes[index % nodeCount]!;

  const flow = new Flow(new Meter());
  const crowds: Client[][] = [];
  for (const node of nodes) crowds.push(await crowd(wire, node, returning / nodeCount));
  const members = Array.from({ length: returning }, (_, index) => {
    const client = crowds[index % nodeCount]![Math.floor(index / nodeCount)]!;
    const witness = new Witness(flow.receiver());
    client.receiver = witness;
    return { client, witness };
  });
  const speaker = await wire.open(nodes[0]!, 0);
  flow.speaks((text) => speaker.say(text));
  flow.say(BEFORE);
  await flow.drain();

  const commands = await redis?.commands();
  const watch = await Watch.observing(redis ? [...nodes, redis] : nodes);
  for (const { client } of members) client.close();
  await sleep(AWAY);
  if (wire.keeps) flow.say(MISSED);
  else for (let lost = 0; lost < MISSED; lost += 1) speaker.say(textOf(LOST + lost, 100));
  await sleep(AWAY);

  const latency = new Histogram();
  const since = performance.now();
  const comeBack = async (index: number): Promise<void> => {
    const { client, witness } = members[index]!;
    const whole = wire.keeps ? witness.has(flow.sent - 1) : null;
    await client.back!(nodeOf(index + 1));
    await whole;
  };
  await each(returning, AT_A_TIME, comeBack, (ms) => latency.add(ms));
  const last = (performance.now() - since) / 1000;

  const { micros, bytes, ...used } = watch.read();
  const pauses = await watch.pauses(micros);
  const asked = redis && commands ? countedSince(commands, await redis.commands(), returning) : {};
  await flow.drain();
  flow.say(AFTER);
  await flow.drain();
  if (flow.failure !== null) throw new Error(flow.failure);
  for (const { client } of members) client.close();
  await Promise.all(nodes.map((node) => node.stop()));
  await redis?.stop();
  speaker.close();
  return {
    cost: micros / returning,
    rate: returning / last,
    connections: returning,
    last,
    p50: latency.quantile(0.5),
    p99: latency.quantile(0.99),
    bytes: bytes / returning,
    ...asked,
    ...used,
    ...pauses,
  };
}

type Commands = Awaited<ReturnType<Redis["commands"]>>;

const countedSince = (before: Commands, after: Commands, count: number) => ({
  scripts: (after.scripts - before.scripts) / count,
  commands: (after.all - before.all) / count,
});

const peers = among(onSockets, "socket.io", "actionwire");
const work = `all clients are cut off at once, miss ${MISSED} messages and come back, ${AT_A_TIME} at a time`;

export const resumes: readonly Scenario[] = [
  {
    name: "resume",
    title: work,
    unit: "µs of server CPU per client",
    long: true,
    rounds: 1,
    peers,
    open: async (peer, scale) => ({
      round: () => storm(peer, scale, 1, null),
      close: async () => {},
    }),
  },
  {
    name: "resume-cluster",
    title: `${work}, to the other of two nodes on Redis`,
    unit: "µs of CPU per client, both nodes and Redis",
    long: true,
    rounds: 1,
    peers,
    open: async (peer, scale) => ({
      round: async () => storm(peer, scale, 2, await startRedis()),
      close: async () => {},
    }),
  },
];
