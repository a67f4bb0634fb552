/** BAYEUX 7.10, limits and abuse, on the wire; what needs no wire is in test/sessions and test/transports. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { after, before, describe, test } from "node:test";
import { getHeapSnapshot } from "node:v8";
import { WebSocket } from "ws";
import { systemClock, systemRandom } from "../../src/clock.ts";
import { type FaultyEngine, faulty, MemoryStore, memoryEngine, NO_FAULTS } from "../../src/engine/index.ts";
import { eventually } from "../support/eventually.ts";
import type { TestServer } from "../support/server.ts";
import { startApp, TIMEOUT, unique } from "../wire/support/app.ts";
import { both, HttpDoor, Socket, SocketDoor } from "../wire/support/door.ts";
import { ask, post } from "../wire/support/http.ts";
import {
  again,
  connect,
  handshake,
  lineOf,
  type Message,
  minted,
  publish,
  subscribe,
  TYPES,
} from "../wire/support/messages.ts";
import { metric, metricIs } from "../wire/support/metrics.ts";

/** Events of one session at once. */
const BURST = 10;

let server: TestServer;
/** Takes a few events at a time. */
let strict: TestServer;
before(async () => {
  server = await startApp({ hooks: { authorizeChannel: () => true } });
  strict = await startApp({
    hooks: { authorizeChannel: () => true },
    config: { limits: { eventsPerSecond: 2, eventBurst: BURST } },
  });
});
after(() => Promise.all([server.close(), strict.close()]));

const LATER = { reconnect: "handshake", interval: 5000, timeout: TIMEOUT * 1000 };

test("186: more handshakes of an address than allowed: later, and then they are taken", async () => {
  const few = await startApp({ config: { limits: { handshakesPerSecond: 1 } } });
  try {
    const door = new HttpDoor(few.url);
    const shake = () => door.one(handshake({ id: "h" }));
    const refused = await eventually(async () => {
      const reply = await shake();
      return reply.successful === true ? null : reply;
    });
    assert.deepEqual(refused, {
      id: "h",
      channel: "/meta/handshake",
      version: "1.0",
      successful: false,
      error: "429::Too many requests",
      supportedConnectionTypes: TYPES,
      advice: LATER,
    });
    await eventually(async () => (await shake()).successful === true);
  } finally {
    await few.close();
  }
});

describe("187", { concurrency: 8 }, () => {
  both(
    "187: more messages than allowed: each is refused with its id, connects are not counted",
    () => strict.url,
    async (door) => {
      const H = await door.session();
      const channel = `/${unique("many")}`;
      const unit = Array.from({ length: 3 * BURST }, (_, n) => publish(H, channel, n, { id: n }));
      const replies = await door.send(unit);
      assert.deepEqual(
        replies.map(({ id }) => id).sort((a, b) => Number(a) - Number(b)),
        unit.map(({ id }) => id),
      );
      const refused = replies.filter(({ successful }) => successful !== true);
      assert.ok(refused.length > 0 && refused.length <= 2 * BURST, `${refused.length} refused`);
      for (const { id: _, ...reply } of refused)
        assert.deepEqual(reply, { channel, successful: false, error: "429::Too many requests" });
      for (let n = 0; n < 2 * BURST; n += 1) {
        const reply = await door.one(connect(H, { id: `c${n}`, advice: { timeout: 0 } }));
        assert.deepEqual(reply, {
          id: `c${n}`,
          channel: "/meta/connect",
          successful: true,
          advice: again(TIMEOUT),
        });
      }
      // On the same socket.
      await eventually(
        async () => (await door.one(publish(H, channel, 1, { id: unique("p") }))).successful === true,
      );
    },
  );
});

describe("what is long", { concurrency: 8 }, () => {
  const at = () => server.url;

  both("191, 192: a clientId and a channel that are long are named in part", at, async (door) => {
    const long = "a".repeat(100_000);
    const part = long.slice(0, 100);
    assert.deepEqual(await door.one(publish(long, "/x", 1, { id: "p" })), {
      id: "p",
      channel: "/x",
      successful: false,
      error: `401:${part}:Unknown client`,
    });
    const H = await door.session();
    const { channel: _, ...reply } = await door.one(publish(H, `/${long}`, 1, { id: "q" }));
    assert.deepEqual(reply, {
      id: "q",
      successful: false,
      error: `405:/${part.slice(1)}:Invalid channel`,
    });
  });

  both("191, 192, 193: two hundred kilobytes of one field is too much for a message", at, async (door) => {
    const H = await door.session();
    const long = "a".repeat(200_000);
    for (const message of [
      publish(long, "/x", 1),
      publish(H, `/${long}`, 1),
      publish(H, "/x", 1, { ext: { long } }),
    ])
      assert.equal((await door.one({ ...message, id: "p" })).error, "413::Message too large");
    assert.equal((await door.one(publish(H, "/x", 1, { id: "q" }))).successful, true);
  });
});

test("188: more sockets of an address than allowed: the upgrade is refused, a request too, until one has gone", async () => {
  const few = await startApp({ config: { limits: { connectionsPerAddress: 2 } } });
  try {
    const sockets = [await Socket.open(few.url), await Socket.open(few.url)];
    await assert.rejects(Socket.open(few.url), /429/);
    const { status, headers, body } = await post(`${few.url}/faye`, JSON.stringify([handshake()]));
    assert.deepEqual([status, body], [429, "Too many connections from this address"]);
    assert.equal(headers["content-type"], "text/plain; charset=utf-8");
    await sockets[0]!.close();
    await metricIs(few.url, "actionwire_sockets", 1);
    const next = await Socket.open(few.url);
    await Promise.all([next, sockets[1]!].map((socket) => socket.close()));
  } finally {
    await few.close();
  }
});

describe("a store that is away", () => {
  let engine: FaultyEngine;
  let cut: TestServer;
  before(async () => {
    const store = new MemoryStore({ clock: systemClock, random: systemRandom });
    engine = faulty(memoryEngine(store), { clock: systemClock, random: systemRandom });
    cut = await startApp({ engine, hooks: { authorizeChannel: () => true } });
  });
  after(() => cut.close());

  both(
    "198: a publish is refused, session and socket stay",
    () => cut.url,
    async (door) => {
      const { clientId: H, connectionId } = minted(await door.one(handshake()));
      const [line, channel] = [lineOf(connectionId), `/${unique("plain")}`];
      assert.equal((await door.one(subscribe(H, [line, channel]))).successful, true);
      engine.faults = { ...NO_FAULTS, refuse: 1 };
      for (const [on, data] of [
        [channel, "lost"],
        [line, { event: "say", message: "lost" }],
      ] as const) {
        assert.deepEqual(await door.one(publish(H, on, data, { id: "p" })), {
          id: "p",
          channel: on,
          successful: false,
          error: "503::Service unavailable",
        });
      }
      engine.faults = NO_FAULTS;
      const { successful } = await door.one(publish(H, channel, "kept", { id: "q" }));
      assert.equal(successful, true);
      const heard: unknown[] = [];
      await eventually(async () => {
        const unit = [connect(H, { id: unique("c"), advice: { timeout: 0 } })];
        const answer = await door.send(unit, 1);
        const all = door instanceof SocketDoor ? door.socket.deliveries : answer;
        heard.push(...all.filter((one) => one.channel === channel).map(({ data }) => data));
        return heard.length > 0;
      });
      assert.deepEqual(heard, ["kept"]);
    },
  );
});

/** In how many texts that are alive in this process, which is the server's, too, this occurs. */
async function remembered(part: string): Promise<number> {
  let text = "";
  for await (const chunk of getHeapSnapshot()) text += String(chunk);
  return text.split(part).length - 1;
}

const hex = (bytes: number): string => randomBytes(bytes).toString("hex");
/** Ids in the form of ours, of nobody, all of which begin in the same way. */
const madeUp = (part: string): string => `${part}${hex(10)}${hex(20)}`;

describe("ids that nobody has", () => {
  test("189: connects for ten thousand of them on one socket leave nothing behind", async () => {
    const counted = () =>
      Promise.all(
        ["sessions", "sessions_carried", "links"].map((name) => metric(server.url, `actionwire_${name}`)),
      );
    const before = await counted();
    const part = hex(6);
    const ws = new WebSocket(`${server.url.replace("http", "ws")}/faye`);
    await once(ws, "open");
    let answered = 0;
    const odd: Message[] = [];
    ws.on("message", (data) => {
      for (const { successful, error, advice } of JSON.parse(String(data)) as Message[]) {
        answered += 1;
        const { reconnect } = advice as { reconnect: string };
        if (successful !== false || !/^401:/.test(String(error)) || reconnect !== "handshake")
          odd.push({ error, advice });
      }
    });
    for (let n = 1; n <= 100; n += 1) {
      for (let m = 0; m < 100; m += 1) {
        ws.send(JSON.stringify([connect(madeUp(part), { id: m, connectionType: "websocket" })]));
      }
      await eventually(() => answered === n * 100);
    }
    assert.deepEqual(odd, []);
    assert.deepEqual(await counted(), before);
    const left = await remembered(part);
    // The test's own text is one of them.
    assert.ok(left > 0 && left < 1000, `${left} are remembered`);
    ws.terminate();
  });

  test("190: event streams for a thousand of them leave nothing behind", async () => {
    const part = hex(6);
    for (let n = 0; n < 20; n += 1) {
      await Promise.all(
        Array.from({ length: 50 }, async () => {
          const headers = { Accept: "text/event-stream" };
          assert.equal((await ask(`${server.url}/faye/${madeUp(part)}`, { headers })).status, 404);
        }),
      );
    }
    await metricIs(server.url, "actionwire_event_streams", 0);
    const left = await remembered(part);
    assert.ok(left > 0 && left < 100, `${left} are remembered`);
  });
});

describe("196: a thousand stale connects", () => {
  test("196: of a session that is alive: each is answered once, all but the last are sent away, and it still hears", async () => {
    const socket = await Socket.open(server.url);
    const { clientId, connectionId } = minted(await socket.one(handshake()));
    await socket.one(subscribe(clientId, lineOf(connectionId)));
    for (let id = 0; id < 1000; id += 1)
      socket.send([connect(clientId, { id, connectionType: "websocket" })]);
    const connects = (): Message[] => socket.heard.all.filter(({ channel }) => channel === "/meta/connect");
    await eventually(() => connects().length >= 1000);
    assert.deepEqual(
      connects().map(({ id }) => id),
      Array.from({ length: 1000 }, (_, id) => id),
    );
    for (const { id, successful, advice } of connects()) {
      assert.equal(successful, true);
      // The last was held to its end.
      assert.deepEqual(advice, { ...again(TIMEOUT), interval: id === 999 ? 0 : 5000 });
    }
    socket.send([connect(clientId, { id: "next", connectionType: "websocket" })]);
    await server.api.connections.send(connectionId, { note: 1 });
    await socket.heard.find(({ data }) => (data as Message | undefined)?.note === 1);
    assert.equal(connects().length, 1000);
    await socket.close();
  });

  test("196: of sessions that are gone, on the socket of one that is not: each is answered once, none hurries", async () => {
    const socket = await Socket.open(server.url);
    const { clientId, connectionId } = minted(await socket.one(handshake()));
    await socket.one(subscribe(clientId, lineOf(connectionId)));
    socket.send([connect(clientId, { id: "mine", connectionType: "websocket" })]);
    await server.api.connections.send(connectionId, { note: 1 });
    await socket.heard.find(({ data }) => (data as Message | undefined)?.note === 1);
    for (let id = 0; id < 1000; id += 1)
      socket.send([connect(madeUp(hex(6)), { id, connectionType: "websocket" })]);
    const stale = (): Message[] =>
      socket.heard.all.filter(({ channel, id }) => channel === "/meta/connect" && id !== "mine");
    await eventually(() => stale().length >= 1000);
    assert.deepEqual(new Set(stale().map(({ id }) => id)).size, 1000);
    for (const { successful, advice } of stale())
      assert.deepEqual([successful, advice], [false, { ...again(TIMEOUT), interval: 5000 }]);
    await server.api.connections.send(connectionId, { note: 2 });
    await socket.heard.find(({ data }) => (data as Message | undefined)?.note === 2);
    assert.equal(stale().length, 1000);
    await socket.close();
  });
});
