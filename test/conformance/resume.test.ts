/** BAYEUX 7.9, timeouts and resume: links that break, servers that stop and come back. */
import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { systemClock, systemRandom } from "../../src/clock.ts";
import { resolveConfig } from "../../src/config/index.ts";
import { MemoryStore, memoryEngine } from "../../src/engine/index.ts";
import { World } from "../sessions/world.ts";
import { eventually } from "../support/eventually.ts";
import { freePort } from "../support/process.ts";
import { createProxy } from "../support/proxy.ts";
import type { TestServer } from "../support/server.ts";
import { startApp, unique } from "../wire/support/app.ts";
import { cometdDriver, newCometd, shake } from "../wire/support/cometd.ts";
import { Socket } from "../wire/support/door.ts";
import { fayeDriver, newFaye, onHandshake } from "../wire/support/faye.ts";
import { post } from "../wire/support/http.ts";
import { Line } from "../wire/support/line.ts";
import {
  connect,
  handshake,
  isDelivery,
  lineOf,
  type Message,
  minted,
  subscribe,
} from "../wire/support/messages.ts";
import { metricIs } from "../wire/support/metrics.ts";

/** Everything that connections are, which outlives a node. */
const newStore = () =>
  new MemoryStore({
    clock: systemClock,
    random: systemRandom,
    bounds: { maxMessages: 1000, maxBytes: 4_194_304, maxAge: 300_000 },
  });

/** A node on a port that is known beforehand, so that the next one is found there. */
function node(port: number, store: MemoryStore | undefined, count?: () => void): Promise<TestServer> {
  return startApp({
    config: { servers: { web: { port } } },
    ...(store === undefined ? {} : { engine: memoryEngine(store) }),
    hooks: {
      authenticate: () => {
        count?.();
        return null;
      },
    },
  });
}

const servers: TestServer[] = [];
after(() => Promise.all(servers.map((server) => server.close())));

describe("7.9", { concurrency: 8 }, () => {
  for (const [name, transport] of [
    ["websocket", "websocket"],
    ["long-polling", "long-polling"],
  ] as const) {
    test(`176: Faye over ${name}: cut, and what was said meanwhile comes once, in order`, async () => {
      const server = await startApp({ config: { faye: { timeout: 10 } } });
      servers.push(server);
      const proxy = await createProxy(server.port);
      try {
        const client = newFaye(proxy.url, { retry: 0.3 });
        if (transport === "long-polling") client.disable("websocket");
        const shaken = onHandshake(client);
        let handshakes = 0;
        client.addExtension({
          outgoing(message, next) {
            if (message.channel === "/meta/handshake") handshakes += 1;
            next(message);
          },
        });
        await client.publish("/_welcome", "hello");
        const { connectionId } = minted(await shaken);
        const alice = await Line.claim(fayeDriver(client, connectionId, transport));
        const room = unique("room");
        await alice.ask({ event: "roomChange", room });
        await server.api.rooms.broadcast(room, 0);
        await alice.heard.find(({ message }) => message === 0);
        proxy.refuseConnections(true);
        proxy.cutAll();
        await metricIs(server.url, "actionwire_sessions_carried", 0);
        for (let n = 1; n <= 5; n += 1) await server.api.rooms.broadcast(room, n);
        proxy.refuseConnections(false);
        await alice.heard.find(({ message }) => message === 5);
        assert.deepEqual(
          alice.said.map(({ message }) => message),
          [0, 1, 2, 3, 4, 5],
        );
        assert.equal(handshakes, 1);
        await alice.close();
      } finally {
        await proxy.close();
      }
    });
  }

  test("177: CometD: cut, and what was said meanwhile comes with its first connect", async () => {
    const server = await startApp({ config: { faye: { timeout: 10 } } });
    servers.push(server);
    const proxy = await createProxy(server.port);
    try {
      const client = newCometd(proxy.url, "websocket");
      const { connectionId } = minted(await shake(client));
      const alice = await Line.claim(cometdDriver(client, connectionId, "websocket"));
      const room = unique("room");
      await alice.ask({ event: "roomChange", room });
      proxy.refuseConnections(true);
      proxy.cutAll();
      await metricIs(server.url, "actionwire_sessions_carried", 0);
      for (let n = 1; n <= 3; n += 1) await server.api.rooms.broadcast(room, n);
      proxy.refuseConnections(false);
      await alice.heard.find(({ message }) => message === 3);
      assert.deepEqual(
        alice.said.map(({ message }) => message),
        [1, 2, 3],
      );
      assert.equal((await server.api.connections.get(alice.id))?.id, alice.id);
      await alice.close();
    } finally {
      await proxy.close();
    }
  });

  test("175: a peer that does not answer pings is cut off; its messages wait", async () => {
    const server = await startApp({ config: { faye: { timeout: 10, ping: 1 } } });
    servers.push(server);
    const deaf = await Socket.open(server.url, { autoPong: false });
    const { clientId, connectionId } = minted(await deaf.one(handshake()));
    await deaf.one(subscribe(clientId, lineOf(connectionId)));
    deaf.send([connect(clientId, { id: "c", connectionType: "websocket" })]);
    await eventually(() => deaf.closedWith !== undefined);
    assert.equal(deaf.closedWith, 1006);
    await metricIs(server.url, "actionwire_sockets", 0);
    await server.api.connections.send(connectionId, { note: 1 });
    const next = await Socket.open(server.url);
    next.send([connect(clientId, { id: "d", connectionType: "websocket" })]);
    const note = await next.heard.find(({ data }) => (data as Message | undefined)?.note === 1);
    assert.deepEqual(note, { channel: lineOf(connectionId), data: { context: "api", note: 1 } });
    await next.close();
  });

  for (const kept of [true, false]) {
    for (const kind of ["Faye", "CometD"] as const) {
      test(`${kept ? "178: restart with state kept" : "179: restart with state lost"}: ${kind}`, async () => {
        const port = await freePort();
        const store = kept ? newStore() : undefined;
        let handshakes = 0;
        const count = () => {
          handshakes += 1;
        };
        const first = await node(port, store, count);
        servers.push(first);
        let line: Line;
        if (kind === "Faye") {
          const client = newFaye(first.url, { retry: 0.3 });
          const shaken = onHandshake(client);
          await client.publish("/_welcome", "hello");
          line = await Line.claim(fayeDriver(client, minted(await shaken).connectionId, "websocket"));
        } else {
          const client = newCometd(first.url, "websocket");
          line = await Line.claim(
            cometdDriver(client, minted(await shake(client)).connectionId, "websocket"),
          );
          client.addListener("/meta/handshake", ({ successful }) => {
            // CometD forgets its subscriptions; an application subscribes again here.
            if (successful) void line.driver.subscribe(lineOf(line.id), line.heard.push);
          });
        }
        const room = unique("room");
        await line.ask({ event: "roomChange", room });
        await first.close();
        const second = await node(port, store, count);
        servers.push(second);
        await eventually(async () => (await second.api.connections.get(line.id)) !== null);
        const welcomes = () => line.heard.all.filter((data) => "welcome" in data).length;
        if (kept) {
          await second.api.rooms.broadcast(room, "after");
          await line.heard.find(({ message }) => message === "after");
          assert.deepEqual([handshakes, welcomes()], [1, 1]);
        } else {
          await eventually(() => welcomes() === 2);
          await second.api.rooms.broadcast("defaultRoom", "after");
          await line.heard.find(({ message }) => message === "after");
          assert.equal(handshakes, 2);
        }
        assert.equal(line.said.length, 1);
        await line.close();
      });
    }
  }

  test("181: a graceful stop: held connects are answered with an interval, sockets closed with 1001", async () => {
    const server = await startApp({ config: { faye: { timeout: 10 }, cluster: { drain: 2 } } });
    servers.push(server);
    const socket = await Socket.open(server.url);
    const quiet = await Socket.open(server.url);
    const { clientId } = minted(await socket.one(handshake()));
    socket.send([connect(clientId, { id: "c", connectionType: "websocket" })]);
    const { body } = await post(`${server.url}/faye`, JSON.stringify([handshake()]));
    const poller = minted((JSON.parse(body) as Message[])[0]!).clientId;
    const held = post(`${server.url}/faye`, JSON.stringify([connect(poller, { id: "p" })]));
    await metricIs(server.url, "actionwire_sessions_carried", 2);
    await server.stop({ bound: 2000 });
    await eventually(() => socket.closedWith !== undefined && quiet.closedWith !== undefined);
    const answers = [...socket.heard.all, ...(JSON.parse((await held).body) as Message[])].filter(
      (message) => message.channel === "/meta/connect" && !isDelivery(message),
    );
    assert.deepEqual(
      answers.map(({ id, successful }) => [id, successful]),
      [
        ["c", true],
        ["p", true],
      ],
    );
    for (const { advice } of answers) {
      const { reconnect, interval } = advice as { reconnect: string; interval: number };
      assert.equal(reconnect, "retry");
      assert.ok(interval >= 0 && interval <= 2000, String(interval));
    }
    assert.deepEqual([socket.closedWith, quiet.closedWith], [1001, 1001]);
  });
});

describe("7.9, on a clock of its own", () => {
  test("174: a session outlives 1.2 T and 65 s of silence after its last connect, and ends with its grace", async () => {
    for (const carried of [true, false]) {
      const ended: string[] = [];
      const onDisconnect = ({ id }: { id: string }): void => void ended.push(id);
      // As it is configured when nothing is said.
      const w = new World({ faye: {} }, { onDisconnect });
      const { timeout, grace } = resolveConfig({}).faye;
      const { node } = await w.node();
      const { clientId, connectionId } = minted((await w.post(node, handshake()))[0]!);
      await w.post(node, subscribe(clientId, lineOf(connectionId)));
      const socket = { ...w.link, transport: "websocket" as const, once: false };
      const poll = async (): Promise<unknown> =>
        (await w.post(node, connect(clientId, { advice: { timeout: 0 } }))).at(-1)!.successful;
      if (carried) {
        node.gateway.receive([connect(clientId, { connectionType: "websocket" })], socket);
        await w.clock.advance(timeout * 1000 + 100);
        node.gateway.closed(socket);
      } else assert.equal(await poll(), true);
      const silence = (1.2 * timeout + 65) * 1000;
      assert.ok(silence < grace * 1000);
      await w.clock.advance(silence);
      assert.equal((await node.api.connections.get(connectionId))?.id, connectionId);
      assert.equal(await poll(), true);
      assert.deepEqual(ended, []);
      await w.clock.advance((grace - 1) * 1000);
      assert.deepEqual(ended, []);
      await w.clock.advance(4_000);
      assert.deepEqual(ended, [connectionId]);
      assert.equal(await node.api.connections.get(connectionId), null);
      const [reply] = await w.post(node, connect(clientId, { advice: { timeout: 0 } }));
      assert.equal(String(reply!.error).slice(0, 4), "401:");
      assert.equal((reply!.advice as Message).reconnect, "handshake");
    }
  });

  for (const alone of [false, true]) {
    test(`180: a thousand clients of a node that stops, ${alone ? "alone" : "not alone"}, do not come back all at once`, async () => {
      const drain = 10;
      const w = new World({ cluster: { lease: 4, drain } });
      const { node } = await w.node();
      if (!alone) await w.node();
      const shaken = await w.post(node, ...Array.from({ length: 1000 }, () => handshake()));
      const intervals: number[] = [];
      for (const { clientId } of shaken.map(minted)) {
        node.gateway.receive([connect(clientId)], {
          ...w.link,
          send(text, done) {
            const [{ successful, advice }] = JSON.parse(text) as [Message];
            const { reconnect, interval } = advice as { reconnect: string; interval: number };
            assert.deepEqual([successful, reconnect], [true, "retry"]);
            intervals.push(interval);
            done?.(true);
          },
        });
      }
      await w.clock.advance(100);
      assert.deepEqual(intervals, []);
      void node.stop(drain * 1000);
      await w.clock.advance(drain * 1000);
      // Without a node that takes them at once they are to find the next one soon.
      const spread = alone ? 1000 : drain * 1000;
      const tenths = Array.from({ length: 10 }, () => 0);
      for (const interval of intervals) tenths[Math.floor((10 * (interval - 1)) / spread)]! += 1;
      assert.equal(intervals.length, 1000);
      assert.equal(tenths.length, 10);
      for (const many of tenths) assert.ok(many > 50 && many < 200, tenths.join());
    });
  }
});
