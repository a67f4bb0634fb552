import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type Engine, MemoryStore, memoryEngine } from "../../src/engine/index.ts";
import { FakeClock, seededRandom } from "../../src/testing/fake-clock.ts";

const T = "room:acts";

async function engine(): Promise<Engine> {
  const store = new MemoryStore({ clock: new FakeClock(), random: seededRandom(1) });
  const made = memoryEngine(store);
  await made.start("a", { entries() {}, claimed() {}, message() {}, doubt() {} });
  return made;
}

/** Each of `length` things once at least, some twice, in any order. */
const arrivals = (length: number): fc.Arbitrary<number[]> =>
  fc.tuple(...Array.from({ length }, () => fc.integer({ min: 1, max: 2 }))).chain((times) => {
    const indexes = times.flatMap((copies, index) => Array.from({ length: copies }, () => index));
    return fc.shuffledSubarray(indexes, { minLength: indexes.length });
  });

const shuffled = <T>(thing: fc.Arbitrary<T>): fc.Arbitrary<{ things: T[]; order: number[] }> =>
  fc
    .array(thing, { minLength: 1, maxLength: 8 })
    .chain((things) => fc.record({ things: fc.constant(things), order: arrivals(things.length) }));

test("comings and goings in any order, some twice, end as the last act says", async () => {
  await fc.assert(
    fc.asyncProperty(shuffled(fc.boolean()), async ({ things, order }) => {
      const under = await engine();
      const start = await under.position(T);
      for (const index of order) {
        const act = { id: "m", fence: 1, act: index + 1 };
        const announce = { payload: things[index] ? "+" : "-", upTo: 9 };
        if (things[index]) await under.join(T, { ...act, info: `${index}`, announce });
        else await under.leave(T, { ...act, announce });
      }
      const { members } = await under.members(T, null, 9);
      const last = things.length - 1;
      assert.deepEqual(members, things[last] ? [{ id: "m", info: `${last}` }] : []);
      const told = (await under.read(T, start, 99)).entries.map((entry) => entry.payload);
      assert.deepEqual(
        told,
        told.map((_, i) => (i % 2 ? "-" : "+")),
      );
    }),
    { numRuns: 500 },
  );
});

test("holds and releases in any order, some twice, end as the last act says", async () => {
  await fc.assert(
    fc.asyncProperty(shuffled(fc.boolean()), async ({ things, order }) => {
      const under = await engine();
      for (const index of order) {
        const act = index + 1;
        if (things[index]) await under.holdLine("line:l", { holder: "h", fence: 1, act, proofs: [] });
        else await under.releaseLine("line:l", "h", 1, act);
      }
      assert.equal(await under.lineHolder("line:l"), things.at(-1) ? "h" : null);
    }),
    { numRuns: 300 },
  );
});

const fields = fc.dictionary(fc.constantFrom("a", "b", "c"), fc.option(fc.string({ maxLength: 3 })));

test("writes in any order, some twice, end as if they had come in order, each once", async () => {
  await fc.assert(
    fc.asyncProperty(shuffled(fields), async ({ things, order }) => {
      const under = await engine();
      await under.createConnection("c", { a: "created" });
      for (const index of order) await under.writeConnection("c", 1, { ...things[index] }, index + 1);
      const merged: Record<string, string | null> = Object.assign({ a: "created" }, ...things);
      const expected = Object.fromEntries(Object.entries(merged).filter(([, text]) => text !== null));
      assert.deepEqual((await under.readConnection("c"))?.fields, expected);
    }),
    { numRuns: 500 },
  );
});
