import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { type EngineSink, MemoryStore, memoryEngine } from "../../src/engine/index.ts";
import { Connections } from "../../src/engine/memory/connections.ts";
import { OrderedIds } from "../../src/engine/memory/ordered-ids.ts";
import { Ring } from "../../src/engine/memory/ring.ts";
import { FakeClock, seededRandom } from "../../src/testing/fake-clock.ts";

const HOUR = 3_600_000;
const silent: EngineSink = { entries() {}, claimed() {}, message() {}, doubt() {} };
const message = (payload: string) => ({ kind: "message" as const, from: null, payload });

async function setting(sink: Partial<EngineSink> = {}) {
  const clock = new FakeClock();
  const store = new MemoryStore({ clock, random: seededRandom(3), bounds: { maxAge: 1_000 } });
  const engine = memoryEngine(store);
  await engine.start("a", { ...silent, ...sink });
  return { clock, store, engine };
}

describe("what is not used any more is reclaimed", () => {
  test("a topic nobody needs is forgotten after a day, and with the last one the timer", async () => {
    const { clock, store, engine } = await setting();
    for (let i = 0; i < 2_500; i++) await engine.append(`room:${i}`, message("x"));
    assert.equal(clock.pending, 1);
    await clock.advance(24 * HOUR);
    assert.equal(store.size, 2_500);
    await clock.advance(2 * HOUR);
    assert.equal(store.size, 0);
    assert.equal(clock.pending, 0);
    await engine.position("room:again");
    assert.equal(clock.pending, 1);
  });

  test("members, held lines and watchers keep a topic", async () => {
    const { clock, store, engine } = await setting();
    await engine.join("room:members", { id: "m", fence: 1, act: 1, info: "{}" });
    await engine.holdLine("line:held", { holder: "h", fence: 1, act: 1, proofs: [] });
    await engine.watch("room:watched");
    await engine.position("room:idle");
    await clock.advance(30 * HOUR);
    assert.equal(store.size, 3);
    await engine.leave("room:members", { id: "m", fence: 1, act: 2 });
    await engine.releaseLine("line:held", "h", 1, 2);
    await engine.unwatch("room:watched");
    await clock.advance(30 * HOUR);
    assert.equal(store.size, 0);
  });

  test("a stopped node's watching keeps nothing", async () => {
    const { clock, store, engine } = await setting();
    await engine.watch("room:watched");
    await engine.stop();
    await clock.advance(30 * HOUR);
    assert.equal(store.size, 0);
  });

  test("the sweep that was due before a restart takes nothing of what came after", async () => {
    const { clock, store, engine } = await setting();
    for (let i = 0; i < 3_000; i++) await engine.append(`room:${i}`, message("x"));
    await clock.advance(29_000);
    store.clear();
    const head = await engine.position("room:1");
    await clock.advance(2_000);
    assert.deepEqual(await engine.position("room:1"), head);
  });

  test("an old key is taken for a new one", async () => {
    const { clock, engine } = await setting();
    const keyed = { ...message("x"), publisher: { id: "p", fence: 1, key: "k" } };
    await engine.join("room:x", { id: "p", fence: 1, act: 1, info: "{}" });
    await engine.append("room:x", keyed);
    await clock.advance(HOUR);
    const again = await engine.append("room:x", keyed);
    assert.equal(again.outcome === "stored" && again.repeat, false);
  });
});

describe("pushes", () => {
  test("leave in one batch a topic and turn", async () => {
    const batches: string[][] = [];
    const { clock, engine } = await setting({
      entries: (_topic, _epoch, entries) => void batches.push(entries.map((entry) => entry.payload)),
    });
    await engine.watch("room:x");
    for (const payload of ["1", "2", "3"]) await engine.append("room:x", message(payload));
    await clock.settle();
    await engine.append("room:x", message("4"));
    await clock.settle();
    assert.deepEqual(batches, [["1", "2", "3"], ["4"]]);
  });

  test("of an epoch that has ended are dropped", async () => {
    const heard: string[] = [];
    const { clock, store, engine } = await setting({
      entries: (_topic, epoch, entries) =>
        void heard.push(...entries.map((entry) => `${epoch} ${entry.payload}`)),
      doubt: () => void heard.push("doubt"),
    });
    await engine.watch("room:x");
    await engine.append("room:x", message("old"));
    store.clear();
    await engine.append("room:x", message("new"));
    const { epoch } = await engine.position("room:x");
    await clock.settle();
    assert.deepEqual(heard, [`${epoch} new`, "doubt"]);
  });

  test("reach the other nodes when one sink throws, and the throw comes out", async () => {
    const heard: string[] = [];
    const { clock, store, engine } = await setting({
      message: () => {
        throw new Error("broken sink");
      },
    });
    const other = memoryEngine(store);
    await other.start("b", { ...silent, message: (_from, text) => void heard.push(text) });
    await engine.send("a", "1");
    await engine.send("b", "2");
    await assert.rejects(clock.settle(), { message: "an engine sink threw" });
    assert.deepEqual(heard, ["2"]);
  });
});

test("an id serves one run of one node", async () => {
  const { store, engine } = await setting();
  await assert.rejects(engine.start("a", silent), /started before/);
  await assert.rejects(memoryEngine(store).start("a", silent), /started twice/);
});

test("a removed id is remembered for a while only", () => {
  const connections = new Connections();
  connections.create("c", "a", {});
  connections.remove("c", 1, 0);
  connections.create("c", "a", {});
  assert.equal(connections.read("c"), null);
  connections.create("d", "a", {});
  connections.remove("d", 1, 10 * 60_000);
  connections.create("c", "a", {});
  assert.equal(connections.read("c")?.fence, 1);
});

test("a ring keeps its order through growing and wrapping around", () => {
  const ring = new Ring<number>();
  const plain: number[] = [];
  for (let i = 0; i < 500; i++) {
    ring.push(i);
    plain.push(i);
    if (i % 3 === 0) assert.equal(ring.shift(), plain.shift());
    assert.equal(ring.length, plain.length);
  }
  assert.deepEqual(
    plain.map((_, i) => ring.at(i)),
    plain,
  );
  for (const least of [-1, plain[0]!, 400, 499, 1_000]) {
    const expected = plain.findIndex((item) => item > least);
    assert.equal(
      ring.search((item) => item > least),
      expected < 0 ? plain.length : expected,
    );
  }
});

test("ordered ids page like a sorted array, whether or not somebody has paged before", () => {
  const random = seededRandom(9);
  const ids = new OrderedIds();
  const plain = new Set<string>();
  for (let i = 0; i < 3_000; i++) {
    const id = `${Math.floor(random.fraction() * 300)}`;
    if (random.fraction() < 0.6) {
      ids.add(id);
      plain.add(id);
    } else assert.equal(ids.delete(id), plain.delete(id));
    // Long stretches without a page, so that the sorted copy is dropped and made again.
    if (i % 1_000 < 500 && i % 7 === 0) {
      const after = i % 2 ? id : null;
      const expected = [...plain]
        .sort()
        .filter((one) => after === null || one > after)
        .slice(0, 20);
      assert.deepEqual(ids.page(after, 20), expected);
    }
    assert.equal(ids.size, plain.size);
  }
});
