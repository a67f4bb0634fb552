/** What a node of another version writes into the Redis that this one shares with it. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Redis } from "ioredis";
import { Keys } from "../../src/engine/redis/keys.ts";
import { noteOf, pushOf } from "../../src/engine/redis/replies.ts";
import { eventually, RedisServer } from "../support/index.ts";
import { rawOn, startedOn } from "./redis-node.ts";

const PUSHED = "1 0123456789abcdef 3 2 message null\n{}";

for (const text of [
  PUSHED.replace("1 ", "2 "),
  PUSHED.replace("message", "rumour"),
  PUSHED.replace("null", "null 7"),
  PUSHED.replace("1 ", ""),
  "",
  "{}",
]) {
  test(`a push that is ${JSON.stringify(text)} is left out`, () => {
    assert.ok(pushOf(PUSHED));
    assert.equal(pushOf(text), null);
  });
}

for (const text of ['[2,"claimed","x",1]', '[1,"greeting","x"]', '[1,"claimed","x",1,"more"]', "{}", "["]) {
  test(`a note that is ${text} is left out`, () => {
    assert.ok(noteOf('[1,"claimed","x",1]'));
    assert.equal(noteOf(text), null);
  });
}

let redis: RedisServer;
let raw: Redis;
before(async () => {
  redis = await RedisServer.start();
  raw = rawOn(redis.port);
});
after(async () => {
  raw?.disconnect();
  await redis?.stop();
});

test("two nodes go on beside a third that says and writes what they do not know", async (t) => {
  const a = await startedOn(redis.port, { node: "a" });
  const { namespace } = a;
  const b = await startedOn(redis.port, { node: "b", namespace });
  t.after(() => Promise.all([a.engine.stop(), b.engine.stop()]));
  const keys = new Keys(namespace);

  await b.engine.watch("t");
  const { epoch } = await b.engine.position("t");
  const append = (payload: string) => a.engine.append("t", { payload, from: null, kind: "message" });
  await append("1");
  for (const text of [`2 ${epoch} 2 2 message null\n9`, `1 ${epoch} 2 2 rumour null\n9`])
    assert.equal(await raw.spublish(keys.channel("t"), text), 1);
  await append("2");
  await eventually(() =>
    assert.deepEqual(
      b.entries.map(({ payload }) => payload),
      ["1", "2"],
    ),
  );

  for (const text of ['[2,"message","c","later"]', '[1,"greeting","c"]'])
    assert.equal(await raw.spublish(keys.node("b").inbox, text), 1);
  await a.engine.send("b", "hello");
  await eventually(() => assert.deepEqual(b.messages, ["hello"]));
  assert.deepEqual(b.claimed, []);

  await a.engine.createConnection("x", { who: "1" });
  const { record } = keys.connection("x");
  await raw.hset(record, "colour", "red", ".mood", '"fine"');
  const claim = await b.engine.claimConnection("x", 1, { who: "2" });
  assert.equal(claim.outcome, "claimed");
  assert.deepEqual(await a.engine.readConnection("x"), {
    fence: 2,
    owner: "b",
    fields: { who: "2", mood: '"fine"' },
  });
  await b.engine.writeConnection("x", 2, { who: "3" }, 1);
  assert.equal(await raw.hget(record, "colour"), "red");
});
