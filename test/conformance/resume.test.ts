/** BAYEUX 7.9, timeouts and resume: links that break, servers that stop and come back. */
import assert from "node:assert/strict";
import { after, describe, test } from "node:test";
import { systemClock, systemRandom } from "../../src/clock.ts";
import { MemoryStore, memoryEngine } from "../../src/engine/index.ts";
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
      test(`${kept ? "178" : "179"}: restart with state ${kept ? "kept" : "lost"}: ${kind}`, async () => {
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
