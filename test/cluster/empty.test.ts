import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
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
