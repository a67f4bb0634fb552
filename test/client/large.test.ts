import assert from "node:assert/strict";
import { test } from "node:test";
import { connected, outcome, type World, world } from "./world.ts";

const heard = (w: World) => w.server.heard.map(({ message }) => message);
const isBig = (m: { data?: { message?: string } }) => (m.data?.message?.length ?? 0) > 1_000;
const big = "y".repeat(2_000);

test("what is larger than the server takes is refused at once, and the line is left alone", async (t) => {
  const w = world(t);
  w.server.limits = { message: 1_500 };
  await connected(w);
  const { opened } = w.server;
  const answers = ["a", big, "b", "ü".repeat(800), "c"].map((text) => outcome(w.client.say(text)));
  const action = outcome(w.client.action("echo", { x: big }));
  const listen = outcome(w.client.listenToRoom(big));
  await w.tick(20);
  for (const refused of [answers[1], answers[3], action]) assert.equal(refused?.code, "too_large");
  await w.tick(1_000);
  assert.equal(listen.code, "too_large");
  assert.deepEqual(heard(w), ["a", "b", "c"]);
  assert.equal(answers[4]?.reply?.status, "OK");
  assert.equal(w.server.opened, opened);
  assert.ok(!w.server.log.some(isBig));
});

test("long-polling: the same", async (t) => {
  const w = world(t, { transports: ["long-polling"] });
  w.server.limits = { message: 1_500 };
  await connected(w);
  const large = outcome(w.client.say(big));
  const small = outcome(w.client.say("small"));
  await w.tick(1_000);
  assert.equal(large.code, "too_large");
  assert.equal(small.reply?.status, "OK");
});

test("a say that breaks every line is given up, surely not done; what was asked before and behind it is done", async (t) => {
  const w = world(t);
  await connected(w);
  w.server.breaking = isBig;
  // Its acknowledgement goes down with the line.
  const before = outcome(w.client.say("before"));
  const large = outcome(w.client.say(big));
  const behind = outcome(w.client.say("behind"));
  await w.tick(60_000);
  assert.equal(before.reply?.status, "OK");
  assert.equal(large.code, "unavailable");
  assert.equal(behind.reply?.status, "OK");
  assert.deepEqual(heard(w), ["before", "behind"]);
  assert.equal(w.client.state, "connected");
});

test("an action that breaks every line ends in doubt", async (t) => {
  const w = world(t);
  await connected(w);
  w.server.breaking = (m) => m.data?.event === "action";
  const action = outcome(w.client.action("large"));
  const behind = outcome(w.client.say("behind"));
  await w.tick(60_000);
  assert.equal(action.code, "outcome_unknown");
  assert.equal(behind.reply?.status, "OK");
});

test("a read that breaks every line", async (t) => {
  const w = world(t);
  await connected(w);
  w.server.breaking = (m) => m.data?.event === "documentation";
  const read = outcome(w.client.documentation());
  await w.tick(60_000);
  assert.equal(read.code, "unavailable");
  assert.equal(w.client.state, "connected");
});
