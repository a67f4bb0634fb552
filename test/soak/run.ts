/**
 * Clients of all kinds come, talk, fail and leave, for as long as you like: `npm run soak -- --minutes 60 --clients 2000`. When all have
 * left, two nodes and their Redis have to hold what they held after a first, short round.
 */
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { Redis } from "ioredis";
import { WebSocket } from "ws";
import { ActionHeroWebSocket, type ClientOptions } from "../../src/client/index.ts";
import { fayeWithAllTransports } from "../chaos/transports.ts";
import { storm } from "../cuts/weather.ts";
import {
  type ChaosProxy,
  createProxy,
  freePort,
  RedisServer,
  type ServerProcess,
  spawnServer,
} from "../support/index.ts";
import { openCallbackPolling, openEventSource, openPolling } from "../wire/support/by-hand.ts";
import { openCometd } from "../wire/support/cometd.ts";
import { HttpDoor, Socket } from "../wire/support/door.ts";
import type { OpenDriver } from "../wire/support/driver.ts";
import { openFaye } from "../wire/support/faye.ts";
import { begin } from "../wire/support/http.ts";
import {
  connect,
  handshake,
  lineOf,
  type Message,
  minted,
  publish,
  subscribe,
} from "../wire/support/messages.ts";

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "10" },
    /** How many are there at a time. */
    clients: { type: "string", default: "1000" },
    rooms: { type: "string", default: "50" },
    /** Seconds that one stays, on the average. */
    stay: { type: "string", default: "20" },
  },
});
const [minutes, clients, rooms, stay] = [values.minutes, values.clients, values.rooms, values.stay].map(
  Number,
) as [number, number, number, number];

const among = <T>(list: readonly T[]): T => list[Math.floor(Math.random() * list.length)]!;
const room = (): string => `room-${Math.floor(Math.random() * rooms)}`;
/** Milliseconds. */
const aWhile = (): number => stay * 1000 * (0.2 + 1.6 * Math.random());

/** One life, from the first handshake to the last goodbye, if there is one. */
type Life = (base: string) => Promise<void>;

const faye = fayeWithAllTransports();

const ours = (transport: string): Life => {
  const options: ClientOptions = { faye, transports: [transport, "long-polling"], connectTimeout: 20_000 };
  return async (base) => {
    const client = new ActionHeroWebSocket({ ...options, host: base });
    try {
      await client.connect();
      await client.roomChange(room());
      const until = performance.now() + aWhile();
      while (performance.now() < until) {
        await client.say("here");
        await sleep(2_000 * Math.random() + 1_000);
      }
    } finally {
      await client.disconnect();
    }
  };
};

/** A client that nobody here wrote. It is cut off sometimes, and what it asks then fails. */
const theirs =
  (open: OpenDriver): Life =>
  async (base) => {
    const driver = await open(base);
    const line = lineOf(driver.connectionId);
    try {
      await driver.subscribe(line, () => {});
      await driver.publish(line, { event: "roomChange", room: room() });
      const until = performance.now() + aWhile();
      while (performance.now() < until) {
        await driver.publish(line, { event: "say", message: "here" });
        await sleep(2_000 * Math.random() + 1_000);
      }
    } finally {
      await Promise.race([driver.close(), sleep(2_000)]);
    }
  };

/** Whoever is in a room, and gone without a word. */
const vanishingSocket: Life = async (base) => {
  const socket = await Socket.open(base);
  try {
    const { clientId, connectionId } = minted(await socket.one(handshake()));
    await socket.one(subscribe(clientId, lineOf(connectionId)));
    await socket.one(publish(clientId, lineOf(connectionId), { event: "roomChange", room: room() }));
    socket.send([connect(clientId, { connectionType: "websocket" })]);
    await sleep(aWhile() / 2);
  } finally {
    await socket.close();
  }
};

const vanishingPoller: Life = async (base) => {
  const door = new HttpDoor(base);
  const one = async (message: Message): Promise<Message> => (await door.send([message]))[0]!;
  const { clientId, connectionId } = minted(await one(handshake()));
  await one(subscribe(clientId, lineOf(connectionId)));
  await one(publish(clientId, lineOf(connectionId), { event: "roomChange", room: room() }));
  const poll = begin(`${base}/faye`, { method: "POST", headers: { "Content-Type": "application/json" } });
  poll.on("error", () => {});
  poll.end(JSON.stringify([connect(clientId)]));
  await sleep(aWhile() / 4);
  poll.destroy();
};

const LIVES: readonly Life[] = [
  ours("websocket"),
  ours("websocket"),
  ours("long-polling"),
  ours("eventsource"),
  theirs(openFaye("websocket")),
  theirs(openFaye("long-polling")),
  theirs(openCometd("websocket")),
  theirs(openCometd("long-polling")),
  theirs(openPolling),
  theirs(openCallbackPolling),
  theirs(openEventSource),
  vanishingSocket,
  vanishingPoller,
];

const redis = await RedisServer.start();
const keys = new Redis(redis.url);
const inspectors = [await freePort(), await freePort()];
const nodes: ServerProcess[] = await Promise.all(
  inspectors.map((port) => {
    const env = { REDIS_URL: redis.url, NODE_OPTIONS: `--inspect=127.0.0.1:${port}` };
    return spawnServer({ project: "test/soak/app", env });
  }),
);
const proxies: ChaosProxy[] = await Promise.all(nodes.map(({ port }) => createProxy(port)));

/** What is held, by name: of both nodes together, and in Redis. */
type Holdings = Record<string, number>;

const WATCHED = {
  sessions: "actionwire_sessions",
  topics: "actionwire_topics",
  links: "actionwire_links",
  sockets: "actionwire_sockets",
  streams: "actionwire_event_streams",
  held: "actionwire_requests_held",
  files: "process_open_fds",
  timers: 'nodejs_active_resources{type="Timeout"}',
  "heap MiB": "nodejs_heap_size_used_bytes",
  "memory MiB": "process_resident_memory_bytes",
} as const;

/** What the runtime opens for itself now and then; of all the rest nothing may be left over. */
const SLACK: Partial<Record<string, number>> = { files: 4, timers: 4 };

/** How many keys in Redis do not go by themselves. */
async function lasting(): Promise<number> {
  let count = 0;
  for await (const page of keys.scanStream({ count: 1_000 })) {
    const asked = keys.pipeline();
    for (const key of page as string[]) asked.pttl(key);
    for (const [, left] of (await asked.exec()) ?? []) if (left === -1) count += 1;
  }
  return count;
}

/** Has a node forget what nothing holds: what is left of its heap is held. */
async function collect(inspector: number): Promise<void> {
  const [target] = (await (await fetch(`http://127.0.0.1:${inspector}/json`)).json()) as [
    { webSocketDebuggerUrl: string },
  ];
  const socket = new WebSocket(target.webSocketDebuggerUrl);
  await once(socket, "open");
  for (const id of [1, 2]) {
    socket.send(JSON.stringify({ id, method: "HeapProfiler.collectGarbage" }));
    await once(socket, "message");
  }
  socket.terminate();
}

async function holdings(): Promise<Holdings> {
  const sums: Holdings = {};
  for (const { url } of nodes) {
    const text = await (await fetch(`${url}/metrics`)).text();
    for (const [name, metric] of Object.entries(WATCHED)) {
      const line = text.split("\n").find((one) => one.startsWith(`${metric} `));
      sums[name] = (sums[name] ?? 0) + Number(line?.slice(metric.length + 1) ?? 0);
    }
  }
  for (const name of Object.keys(sums))
    if (name.endsWith("MiB")) sums[name] = Math.round(sums[name]! / 2 ** 20);
  sums["Redis keys"] = await keys.dbsize();
  sums["of them for good"] = await lasting();
  return sums;
}

const show = (what: string, held: Holdings): void =>
  console.log(
    `${what.padEnd(8)} ${Object.entries(held)
      .map(([name, n]) => `${n} ${name}`)
      .join(", ")}`,
  );

let lives = 0;
let broken = 0;

async function round(seconds: number, sample: boolean): Promise<void> {
  const until = performance.now() + seconds * 1000;
  for (const proxy of proxies) proxy.refuseConnections(false);
  const weather = proxies.map((proxy) => storm(Math.random, 8_000, () => proxy.cutAll()));
  const worker = async (): Promise<void> => {
    await sleep(Math.random() * 5_000);
    while (performance.now() < until) {
      lives += 1;
      await among(LIVES)(among(proxies).url).catch(() => {
        broken += 1;
      });
    }
  };
  const crowd = Promise.all(Array.from({ length: clients }, worker));
  while (sample && performance.now() < until) {
    await sleep(Math.min(30_000, until - performance.now()));
    show(`${Math.round((seconds * 1000 - (until - performance.now())) / 1000)} s`, await holdings());
  }
  await crowd;
  for (const one of weather) one.stop();
  // A client of somebody else's whose goodbye was lost would be back at once; its page is closed.
  for (const proxy of proxies) {
    proxy.refuseConnections(true);
    proxy.cutAll();
  }
  await Socket.closeAll();
}

/** When nobody is there: graces, leases and logs have run out. */
async function floor(): Promise<Holdings> {
  // A session that has ended is remembered for a minute, for those who ask late.
  await sleep(90_000);
  await Promise.all(inspectors.map(collect));
  return holdings();
}

// What a client of somebody else's leaves behind when it is cut off is not what is watched here.
process.on("unhandledRejection", () => {});
process.on("uncaughtException", () => {});
process.on("rejectionHandled", () => {});

const empty = await holdings();
show("empty", empty);
await round(20, false);
const before = await floor();
show("floor", before);
lives = broken = 0;
await round(minutes * 60, true);
const after = await floor();
show("after", after);

console.log(`${lives} lives, ${broken} of them cut short`);
const rising: string[] = [];
for (const [name, held] of Object.entries(after)) {
  // What has an end of its own in Redis, and memory that the system has not asked back, are told only.
  if (name === "Redis keys" || name === "memory MiB") continue;
  const slack = name === "heap MiB" ? 0.2 * before[name]! : (SLACK[name] ?? 0);
  if (held > before[name]! + slack) rising.push(`${name}: ${before[name]} before, ${held} after`);
}
console.log(rising.length === 0 ? "all is back on its floor" : `did not come back: ${rising.join("; ")}`);
await Promise.all(nodes.map((node) => node.close()));
await Promise.all(proxies.map((proxy) => proxy.close()));
keys.disconnect();
await redis.stop();
process.exit(rising.length === 0 ? 0 : 1);
