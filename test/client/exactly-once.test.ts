import assert from "node:assert/strict";
import { test } from "node:test";
import { connected, outcome, world } from "./world.ts";

/** Small, seeded, good enough. */
function dice(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return state / 2 ** 31;
  };
}

for (let seed = 1; seed <= 25; seed += 1) {
  test(`whatever breaks, each say is heard once and in order, and so is what others say (seed ${seed})`, async (t) => {
    const random = dice(seed);
    const w = world(t, seed % 3 === 0 ? { transports: ["long-polling"] } : {});
    await connected(w);
    const lossy = () => random() < 0.1;
    w.server.loseReply = (m) => (m.channel.startsWith("/meta/") ? false : lossy());
    w.server.before = (m) => {
      if (m.data?.event === undefined) return false;
      const fate = random();
      if (fate < 0.08) return true;
      if (fate < 0.14) return [{ channel: m.channel, id: m.id!, successful: false, error: "504::Unknown" }];
      return false;
    };
    const says: { text: string; result: ReturnType<typeof outcome> }[] = [];
    const theirs: string[] = [];
    const rooms = ["one", "two"];
    for (let step = 0; step < 120; step += 1) {
      const act = random();
      if (act < 0.5) {
        const text = `mine ${says.length}`;
        says.push({ text, result: outcome(w.client.say(text)) });
      } else if (act < 0.6) {
        w.client.roomChange(rooms[step % 2]!);
      } else if (act < 0.9) {
        w.server.hear(w.server.only().room, `theirs ${step}`);
        theirs.push(`theirs ${step}`);
      } else if (act < 0.95) {
        w.server.cut();
      }
      await w.tick(random() * 300);
    }
    w.server.loseReply = () => false;
    w.server.before = () => false;
    await w.tick(120_000);
    const heard = w.server.heard.map(({ message }) => message);
    assert.equal(new Set(heard).size, heard.length, "heard twice");
    const done = says.filter(({ result }) => result.reply).map(({ text }) => text);
    assert.deepEqual(
      done.filter((text) => !heard.includes(text)),
      [],
      "answered but not heard",
    );
    const failed = says.filter(({ result }) => result.code);
    assert.equal(done.length + failed.length, says.length, "not settled");
    for (const { text, result } of failed) {
      if (result.code !== "outcome_unknown")
        assert.ok(!heard.includes(text), `${text}: ${result.code}, yet heard`);
    }
    assert.deepEqual(
      heard,
      says.map(({ text }) => text).filter((text) => heard.includes(text)),
      "out of order",
    );
    assert.equal(new Set(w.said).size, w.said.length, "received twice");
    assert.equal(w.client.state, "connected");
    if (failed.length > says.length / 3)
      assert.fail(`too many given up: ${failed.map((f) => f.result.code)}`);
  });
}
