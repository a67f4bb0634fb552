/** Our client at a real server, where its line and the server's bounds meet. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { ActionHeroWebSocket, type ClientOptions, type Message } from "../../src/client/index.ts";
import { eventually } from "../support/eventually.ts";
import { type ChaosProxy, createProxy } from "../support/proxy.ts";
import type { TestServer } from "../support/server.ts";
import { startApp, unique } from "./support/app.ts";
import { openSocket } from "./support/by-hand.ts";
import { HttpDoor } from "./support/door.ts";
import { Line } from "./support/line.ts";
import { connect, handshake, isDelivery, lineOf, minted, publish, subscribe } from "./support/messages.ts";

const KEPT = 10;

let server: TestServer;
before(async () => {
  server = await startApp({ config: { topics: { maxMessages: KEPT }, limits: { eventsPerSecond: 0 } } });
});
after(() => server.close());

async function behindProxy(
  options: ClientOptions,
  run: (client: ActionHeroWebSocket, proxy: ChaosProxy) => Promise<void>,
): Promise<void> {
  const proxy = await createProxy(server.port);
  const client = new ActionHeroWebSocket({ host: proxy.url, ...options });
  try {
    await client.connect();
    await run(client, proxy);
  } finally {
    proxy.refuseConnections(false);
    await client.disconnect();
    await proxy.close();
  }
}

for (const transport of ["websocket", "long-polling"]) {
  describe(transport, { concurrency: 4 }, () => {
    const options = { transports: [transport] };

    test("what is too large fails at once, and nothing else does", async () => {
      await behindProxy(options, async (client) => {
        const { id } = client;
        const events: string[] = [];
        client.events.disconnect = () => events.push("disconnect");
        for (const length of [200_000, 1_200_000]) {
          const big = "y".repeat(length);
          const small = client.say("before");
          const refused = [client.say(big), client.action("echo", { x: big })];
          const behind = client.say("behind");
          for (const one of refused) await assert.rejects(one, { code: "too_large" });
          assert.equal((await small).status, "OK");
          assert.equal((await behind).status, "OK");
        }
        assert.deepEqual(events, []);
        assert.equal(client.id, id);
      });
    });

    test("what was missed beyond the log's bounds is one gap of exactly that many", async () => {
      const room = unique("room");
      const keeping = await Line.claim(await openSocket(server.url));
      await keeping.ask({ event: "roomChange", room });
      await behindProxy(options, async (client, proxy) => {
        const heard: unknown[] = [];
        client.events.say = (message) => {
          if (message.from === null) heard.push(message.message);
        };
        client.events.gap = (message) => heard.push(message.gap);
        await client.roomChange(room);
        await server.api.rooms.broadcast(room, "first");
        await eventually(() => heard.length === 1);
        proxy.refuseConnections(true);
        proxy.cutAll();
        await eventually(() => client.state === "reconnecting");
        for (let n = 1; n <= 600; n += 1) await server.api.rooms.broadcast(room, n);
        proxy.refuseConnections(false);
        await eventually(() => heard.at(-1) === 600);
        assert.deepEqual(heard, [
          "first",
          { room, missed: 600 - KEPT },
          ...Array.from({ length: KEPT }, (_, index) => 600 - KEPT + 1 + index),
        ]);
      });
      // Who keeps up hears all of it.
      const kept = () => keeping.said.filter((said) => said.room === room);
      await eventually(() => kept().length === 601);
      await keeping.close();
    });
  });
}

test("a stock client that polls again is told of the same gap", async () => {
  const room = unique("room");
  const keeping = await Line.claim(await openSocket(server.url));
  await keeping.ask({ event: "roomChange", room });
  const door = new HttpDoor(server.url);
  const { clientId: H, connectionId } = minted(await door.one(handshake()));
  const line = lineOf(connectionId);
  const poll = async () =>
    (await door.send([connect(H, { advice: { timeout: 0 } })], 1))
      .filter(isDelivery)
      .map(({ data }) => data as Message);
  await door.one(subscribe(H, line));
  await door.one(publish(H, line, { event: "roomChange", room, messageId: "m" }));
  const before: Message[] = [];
  await eventually(async () => {
    before.push(...(await poll()));
    return before.some(({ messageId }) => messageId === "m");
  });
  for (let n = 1; n <= 600; n += 1) await server.api.rooms.broadcast(room, n);
  const heard: Message[] = [];
  await eventually(async () => {
    heard.push(...(await poll()));
    return heard.some(({ message }) => message === 600);
  });
  assert.deepEqual(
    heard.map(({ gap, message }) => gap ?? message),
    [{ room, missed: 600 - KEPT }, ...Array.from({ length: KEPT }, (_, index) => 600 - KEPT + 1 + index)],
  );
  await keeping.close();
});

test("disconnect while the line is broken: the others see it leave at once", async () => {
  await behindProxy({}, async (client, proxy) => {
    const { id } = client;
    const room = unique("room");
    await client.roomChange(room);
    const members = async () => (await server.api.rooms.members(room)).membersCount;
    assert.equal(await members(), 1);
    proxy.cutAll();
    assert.notEqual(id, null);
    await eventually(() => client.state === "reconnecting");
    await client.disconnect();
    assert.equal(await members(), 0);
  });
});

test("kicked while its line is broken: it stays away", async () => {
  await behindProxy({}, async (client, proxy) => {
    const id = client.id!;
    const told: unknown[] = [];
    client.events.disconnect = ({ reason, reconnecting }) => told.push([reason, reconnecting]);
    client.events.reconnect = () => told.push("back");
    proxy.refuseConnections(true);
    proxy.cutAll();
    await eventually(() => told.length === 1);
    const waiting = client.say("may I");
    waiting.catch(() => {});
    await server.api.connections.disconnect(id, { reason: "spam" });
    proxy.refuseConnections(false);
    await eventually(() => client.state === "disconnected");
    assert.equal(client.id, null);
    assert.deepEqual(told.slice(1), [["spam", false]]);
    await assert.rejects(waiting, { code: "disconnected" });
  });
});
