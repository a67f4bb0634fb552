import assert from "node:assert/strict";
import { all, alone, type Rule, rejects, said, store } from "./harness.ts";

const T = "room:publishers";

/** The same append done twice has one effect. */
export const publisherRules: readonly Rule[] = [
  alone(121, "numbers are taken in order from 1", async (engine) => {
    const { epoch } = await engine.position(T);
    for (let n = 1; n <= 3; n++) {
      assert.deepEqual(await engine.append(T, said(`${n}`, { id: "p", fence: 1, n })), {
        outcome: "stored",
        position: { epoch, offset: n, count: n },
        repeat: false,
      });
    }
  }),

  alone(122, "a repeated number stores nothing and is answered with the position of then", async (engine) => {
    const start = await engine.position(T);
    const first = await engine.append(T, said("1", { id: "p", fence: 1, n: 1 }));
    await engine.append(T, said("2", { id: "p", fence: 1, n: 2 }));
    assert.deepEqual(await engine.append(T, said("1", { id: "p", fence: 1, n: 1 })), {
      ...first,
      repeat: true,
    });
    assert.deepEqual(await all(engine, T, start), ["1", "2"]);
  }),

  alone(123, "a number beyond the next one stores nothing and tells the last", async (engine) => {
    const start = await engine.position(T);
    assert.deepEqual(await engine.append(T, said("2", { id: "p", fence: 1, n: 2 })), {
      outcome: "earlier_missing",
      last: 0,
    });
    await engine.append(T, said("1", { id: "p", fence: 1, n: 1 }));
    assert.deepEqual(await engine.append(T, said("3", { id: "p", fence: 1, n: 3 })), {
      outcome: "earlier_missing",
      last: 1,
    });
    assert.deepEqual(await all(engine, T, start), ["1"]);
  }),

  alone(
    124,
    "a repeated key stores nothing and is answered with the position of then; keys have no order",
    async (engine) => {
      const start = await engine.position(T);
      const first = await engine.append(T, said("z", { id: "p", fence: 1, key: "z" }));
      await engine.append(T, said("a", { id: "p", fence: 1, key: "a" }));
      assert.deepEqual(await engine.append(T, said("z", { id: "p", fence: 1, key: "z" })), {
        ...first,
        repeat: true,
      });
      assert.deepEqual(await all(engine, T, start), ["z", "a"]);
    },
  ),

  alone(125, "numbers and keys belong to one publisher in one topic", async (engine) => {
    const start = await engine.position(T);
    for (const id of ["p", "q"]) {
      await engine.append(T, said(`${id}1`, { id, fence: 1, n: 1 }));
      await engine.append(T, said(`${id}k`, { id, fence: 1, key: "k" }));
    }
    const elsewhere = await engine.append("room:other", said("1", { id: "p", fence: 1, n: 1 }));
    assert.equal(elsewhere.outcome === "stored" && elsewhere.repeat, false);
    assert.deepEqual(await all(engine, T, start), ["p1", "pk", "q1", "qk"]);
  }),

  alone(
    126,
    "the last 256 outcomes are remembered; an older repeat is answered with the head",
    async (engine) => {
      const { epoch } = await engine.position(T);
      const publish = (n: number) => engine.append(T, said(`${n}`, { id: "p", fence: 1, n }));
      const key = (k: number) => engine.append(T, said(`${k}`, { id: "q", fence: 1, key: `${k}` }));
      for (let n = 1; n <= 257; n++) await publish(n);
      const head = { epoch, offset: 257, count: 257 };
      assert.deepEqual(await publish(2), {
        outcome: "stored",
        position: { epoch, offset: 2, count: 2 },
        repeat: true,
      });
      assert.deepEqual(await publish(1), { outcome: "stored", position: head, repeat: true });
      for (let k = 1; k <= 256; k++) await key(k);
      assert.deepEqual(await key(1), {
        outcome: "stored",
        position: { epoch, offset: 258, count: 258 },
        repeat: true,
      });
    },
  ),

  alone(127, "an older fence is refused, new or repeated, and stores nothing", async (engine) => {
    const start = await engine.position(T);
    await engine.append(T, said("1", { id: "p", fence: 3, n: 1 }));
    await rejects(engine.append(T, said("2", { id: "p", fence: 2, n: 2 })), "fenced");
    await rejects(engine.append(T, said("1", { id: "p", fence: 2, n: 1 })), "fenced");
    assert.deepEqual(await all(engine, T, start), ["1"]);
  }),

  alone(128, "a newer fence goes on with the same numbers and keys", async (engine) => {
    const first = await engine.append(T, said("1", { id: "p", fence: 1, n: 1 }));
    const keyed = await engine.append(T, said("k", { id: "p", fence: 1, key: "k" }));
    assert.deepEqual(await engine.append(T, said("1", { id: "p", fence: 2, n: 1 })), {
      ...first,
      repeat: true,
    });
    assert.deepEqual(await engine.append(T, said("k", { id: "p", fence: 2, key: "k" })), {
      ...keyed,
      repeat: true,
    });
    const second = await engine.append(T, said("2", { id: "p", fence: 2, n: 2 }));
    assert.equal(second.outcome === "stored" && second.position.offset, 3);
  }),

  alone(129, "where a member is required, others store nothing and use no number up", async (engine) => {
    const start = await engine.position(T);
    const entry = { ...said("1", { id: "p", fence: 1, n: 1 }), requires: "member" as const };
    assert.deepEqual(await engine.append(T, entry), { outcome: "not_member" });
    assert.deepEqual(
      await engine.append(T, { ...said("7", { id: "p", fence: 1, n: 7 }), requires: "member" }),
      { outcome: "not_member" },
    );
    await engine.join(T, { id: "p", fence: 1, act: 1, info: "{}" });
    assert.equal((await engine.append(T, entry)).outcome, "stored");
    assert.deepEqual(await all(engine, T, start), ["1"]);
  }),

  alone(130, "where a held line is required, nothing is stored while nobody holds it", async (engine) => {
    const start = await engine.position("line:l");
    const entry = { ...said("1"), requires: "held" as const };
    assert.deepEqual(await engine.append("line:l", entry), { outcome: "not_held" });
    await engine.holdLine("line:l", { holder: "h", fence: 1, act: 1, proofs: [] });
    assert.equal((await engine.append("line:l", entry)).outcome, "stored");
    await engine.releaseLine("line:l", "h", 1, 2);
    assert.deepEqual(await engine.append("line:l", entry), { outcome: "not_held" });
    assert.deepEqual(await all(engine, "line:l", start), ["1"]);
  }),

  alone(131, "a repeat is answered as stored although its publisher has left since", async (engine) => {
    await engine.join(T, { id: "p", fence: 1, act: 1, info: "{}" });
    const entry = { ...said("1", { id: "p", fence: 1, n: 1 }), requires: "member" as const };
    const first = await engine.append(T, entry);
    await engine.leave(T, { id: "p", fence: 1, act: 2 });
    assert.deepEqual(await engine.append(T, entry), { ...first, repeat: true });
  }),

  alone(132, "without a publisher, or without number and key, everything is stored", async (engine) => {
    const start = await engine.position(T);
    for (let i = 0; i < 2; i++) await store(engine, T, said("server"));
    for (let i = 0; i < 2; i++) await store(engine, T, said("p", { id: "p", fence: 1 }));
    assert.deepEqual(await all(engine, T, start), ["server", "server", "p", "p"]);
  }),

  alone(
    133,
    "keys are remembered for three minutes at least",
    async (engine, { backend }) => {
      const entry = said("1", { id: "p", fence: 1, key: "k" });
      const first = await engine.append(T, entry);
      await backend.advance(180_000);
      assert.deepEqual(await engine.append(T, entry), { ...first, repeat: true });
    },
    { needs: { time: 180_000 } },
  ),

  alone(134, "what was refused under an act stays refused, though the reason has passed", async (engine) => {
    const start = await engine.position(T);
    const say = (n: number, act: number) =>
      engine.append(T, { ...said(`${n}`, { id: "p", fence: 1, n, act }), requires: "member" });
    assert.deepEqual(await say(1, 1), { outcome: "not_member" });
    await engine.join(T, { id: "p", fence: 1, act: 2, info: "{}" });
    assert.deepEqual(await say(1, 1), { outcome: "overtaken" });
    assert.deepEqual(await say(2, 3), { outcome: "earlier_missing", last: 0 });
    assert.equal((await say(1, 4)).outcome, "stored");
    assert.deepEqual(await say(2, 3), { outcome: "overtaken" });
    assert.equal((await say(2, 5)).outcome, "stored");
    assert.deepEqual(await all(engine, T, start), ["1", "2"]);
  }),

  alone(135, "a repeat is answered as stored whatever its act", async (engine) => {
    const start = await engine.position(T);
    const say = (n: number, act: number) => engine.append(T, said(`${n}`, { id: "p", fence: 1, n, act }));
    const first = await say(1, 1);
    await say(2, 2);
    assert.deepEqual(await say(1, 1), { ...first, repeat: true });
    assert.deepEqual(await say(1, 3), { ...first, repeat: true });
    assert.deepEqual(await all(engine, T, start), ["1", "2"]);
  }),

  alone(136, "an act that a leave or a later append has overtaken is not stored", async (engine) => {
    const start = await engine.position(T);
    const key = (name: string, act: number, fence = 1) =>
      engine.append(T, said(name, { id: "p", fence, key: name, act }));
    assert.equal((await key("b", 2)).outcome, "stored");
    assert.deepEqual(await key("a", 1), { outcome: "overtaken" });
    await engine.leave(T, { id: "p", fence: 1, act: 4 });
    assert.deepEqual(await key("c", 3), { outcome: "overtaken" });
    assert.equal((await key("d", 1, 2)).outcome, "stored");
    assert.deepEqual(await all(engine, T, start), ["b", "d"]);
  }),

  alone(137, "a key that was refused stays refused, for the reason of then", async (engine) => {
    const start = await engine.position(T);
    const say = (requires: "member" | "held", key: string) =>
      engine.append(T, { ...said(key, { id: "p", fence: 1, key }), requires });
    assert.deepEqual(await say("member", "a"), { outcome: "not_member" });
    assert.deepEqual(await say("held", "b"), { outcome: "not_held" });
    await engine.join(T, { id: "p", fence: 1, act: 1, info: "{}" });
    await engine.holdLine(T, { holder: "p", fence: 1, act: 2, proofs: [] });
    assert.deepEqual(await say("member", "a"), { outcome: "not_member" });
    assert.deepEqual(await say("held", "b"), { outcome: "not_held" });
    assert.equal((await say("member", "c")).outcome, "stored");
    assert.deepEqual(await all(engine, T, start), ["c"]);
  }),
];
