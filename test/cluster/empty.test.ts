import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Redis } from "ioredis";
import type { RoomView } from "../../src/api.ts";
import { hears, player } from "../cuts/stage.ts";
import {
  closeAll,
  collector,
  eventually,
  RedisServer,
  type ServerProcess,
  spawnServer,
} from "../support/index.ts";
import { openFaye } from "../wire/support/faye.ts";
import { lineOf, type Message } from "../wire/support/messages.ts";

const PATIENCE = { timeout: 40_000 };

describe("two nodes on one Redis that is rewound", () => {
  let redis: RedisServer;
  let a: ServerProcess;
  let b: ServerProcess;
  before(async () => {
    redis = await RedisServer.start();
    const env = { REDIS_URL: redis.url };
    [a, b] = await Promise.all([spawnServer({ env }), spawnServer({ env })]);
  });
  after(async () => {
    await closeAll(a, b);
    await redis.stop();
  });

  test("who has changed rooms since its snapshot is in one room, who has left in none; who comes back enters", async (t) => {
    const players = [
      player({ host: a.url, transports: ["websocket"] }),
      player({ host: b.url, transports: ["websocket"] }),
      player({ host: b.url, transports: ["long-polling"] }),
    ] as const;
    const [stays, moves, leaves] = players;
    t.after(() => closeAll({ close: () => Promise.all(players.map(({ client }) => client.disconnect())) }));
    for (const { client } of players) await client.connect();
    await stays.client.say("0");
    await hears(moves, [0]);
    const raw = new Redis(redis.port, "127.0.0.1");
    await raw.save();
    raw.disconnect();
    await moves.client.roomChange("green");
    await leaves.client.disconnect();

    await redis.restart();
    for (const { url } of [a, b])
      await eventually(async () => assert.equal((await fetch(`${url}/readyz`)).status, 200), PATIENCE);
    const members = async (room: string): Promise<string[]> => {
      const view = await Promise.all([stays, moves].map(({ client }) => client.roomView({ room })));
      const [one, other] = view.map(({ data }) => Object.keys((data as RoomView).members).sort());
      assert.deepEqual(one, other);
      return one!;
    };
    await eventually(async () => assert.deepEqual(await members("green"), [moves.client.id]), PATIENCE);
    await eventually(async () => assert.deepEqual(await members("defaultRoom"), [stays.client.id]), PATIENCE);
    for (const n of [1, 2]) await stays.client.say(String(n));
    await moves.client.roomChange("defaultRoom");
    await stays.client.say("3");
    await eventually(() => assert.deepEqual(moves.numbers(), [0, 3]), PATIENCE);
    const entered = stays.said.filter(({ message }) => message === "I have entered the room");
    assert.equal(entered.length, 3, "two at first, one again");
    assert.deepEqual(await members("green"), []);
  });
});

describe("two nodes on one Redis that keeps nothing", () => {
  let redis: RedisServer;
  let a: ServerProcess;
  let b: ServerProcess;
  before(async () => {
    redis = await RedisServer.start();
    const env = { REDIS_URL: redis.url };
    [a, b] = await Promise.all([spawnServer({ env }), spawnServer({ env })]);
  });
  after(async () => {
    await closeAll(a, b);
    await redis.stop();
  });

  test("it is started again, empty: everybody keeps id and room, is told of the gap once, and is heard again", async (t) => {
    const players = [
      player({ host: a.url, transports: ["websocket"] }),
      player({ host: b.url, transports: ["long-polling"] }),
      player({ host: b.url, transports: ["websocket"] }),
    ] as const;
    const stock = await openFaye("websocket")(a.url);
    t.after(() =>
      closeAll({ close: () => Promise.all(players.map(({ client }) => client.disconnect())) }, stock),
    );
    const line = lineOf(stock.connectionId);
    const heard = collector<Message>();
    assert.equal(await stock.subscribe(line, heard.push), null);
    await heard.find(({ welcome }) => welcome !== undefined);
    for (const { client } of players) await client.connect();
    const ids = players.map(({ client }) => client.id);
    await players[0].client.say("0");
    await hears(players[1], [0]);
    await hears(players[2], [0]);
    await heard.find(({ message }) => message === "0");
    for (const { said } of players) said.length = 0;

    await redis.restart();
    for (const { url } of [a, b])
      await eventually(async () => assert.equal((await fetch(`${url}/readyz`)).status, 200), PATIENCE);
    const members = async (): Promise<string[]> => {
      const view = (await players[0].client.roomView()) as { data: { members: Record<string, unknown> } };
      return Object.keys(view.data.members).sort();
    };
    await eventually(
      async () => assert.deepEqual(await members(), [...ids, stock.connectionId].sort()),
      PATIENCE,
    );

    for (const [n, { client }] of players.entries()) await client.say(String(n + 1));
    assert.equal(await stock.publish(line, { event: "say", message: "4" }), null);
    for (const [n, one] of players.entries()) {
      await eventually(
        () =>
          assert.deepEqual(
            one.numbers(),
            [1, 2, 3, 4].filter((other) => other !== n + 1),
          ),
        PATIENCE,
      );
      // Nobody came or went.
      assert.equal(one.said.length, 3);
      assert.equal(one.client.id, ids[n]);
      assert.equal(one.client.room, "defaultRoom");
      const gaps = one.gaps().map((gap) => JSON.stringify(gap));
      assert.deepEqual(gaps.sort(), ['{"room":"defaultRoom","missed":null}', '{"room":null,"missed":null}']);
    }
    const told = () => heard.all.map(({ message }) => message).filter((text) => /^\d$/.test(String(text)));
    await eventually(() => assert.deepEqual(told(), ["0", "1", "2", "3"]), PATIENCE);
    assert.equal(heard.all.filter(({ gap }) => (gap as Message)?.room === "defaultRoom").length, 1);
    // What is kept beside the room is there again, too.
    assert.equal(await stock.publish(line, { event: "roomChange", room: "elsewhere" }), null);
    await eventually(async () => assert.deepEqual(await members(), [...ids].sort()), PATIENCE);
  });
});
