import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  type Entry,
  MemoryStore,
  memoryEngine,
  type Position,
  type Reading,
} from "../../src/engine/index.ts";
import { FakeClock, seededRandom } from "../../src/testing/fake-clock.ts";

const T = "room:model";

type Step =
  | { readonly do: "append"; readonly kind: Entry["kind"]; readonly payload: string }
  | { readonly do: "wait"; readonly ms: number }
  /** `back`: how many entries before the head (beyond it when negative); `off`: added to the count. */
  | {
      readonly do: "read";
      readonly back: number;
      readonly off: number;
      readonly limit: number;
      readonly epoch: boolean;
    };

interface Bounds {
  readonly maxMessages: number;
  readonly maxBytes: number;
  readonly maxAge: number;
}

/** Keeps everything for ever and works out afresh what an engine would still have. */
class Model {
  readonly #entries: { readonly entry: Entry; readonly at: number; trimmed: boolean }[] = [];
  readonly #bounds: Bounds;
  #count = 0;

  constructor(bounds: Bounds) {
    this.#bounds = bounds;
  }

  get head(): { offset: number; count: number } {
    return { offset: this.#entries.length, count: this.#count };
  }

  countAt(offset: number): number {
    return this.#entries.filter(({ entry }) => entry.kind === "message" && entry.offset <= offset).length;
  }

  append(kind: Entry["kind"], payload: string, now: number): void {
    this.#age(now);
    if (kind === "message") this.#count += 1;
    const entry = { offset: this.#entries.length + 1, count: this.#count, kind, from: null, payload };
    this.#entries.push({ entry, at: now, trimmed: false });
    const part = kind === "message" ? 1 : 4;
    const kept = () => this.#entries.filter((one) => !one.trimmed && one.entry.kind === kind);
    const bytes = () => kept().reduce((sum, one) => sum + Buffer.byteLength(one.entry.payload), 0);
    while (
      kept().length > Math.ceil(this.#bounds.maxMessages / part) ||
      (bytes() > Math.ceil(this.#bounds.maxBytes / part) && kept().length > 1)
    ) {
      kept()[0]!.trimmed = true;
    }
  }

  read(epoch: string, after: Position, limit: number, now: number): Reading {
    this.#age(now);
    const head = { epoch, ...this.head };
    const gone = this.#entries.filter((one) => one.trimmed && one.entry.kind === "message").at(-1)?.entry;
    const base = { epoch, offset: gone?.offset ?? 0, count: gone?.count ?? 0 };
    let from = after;
    let missed: number | null = 0;
    if (after.epoch !== epoch) [from, missed] = [base, null];
    else if (after.offset > head.offset) [from, missed] = [head, null];
    else if (after.offset < base.offset) {
      const number = base.count - after.count;
      [from, missed] = [base, number < 1 || number > base.offset - after.offset ? null : number];
    }
    const entries = this.#entries
      .filter((one) => !one.trimmed && one.entry.offset > from.offset)
      .map((one) => one.entry)
      .slice(0, limit);
    return { epoch, head, entries, from, missed };
  }

  #age(now: number): void {
    for (const one of this.#entries) if (now - one.at >= this.#bounds.maxAge) one.trimmed = true;
  }
}

const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant("append" as const),
      kind: fc.constantFrom<Entry["kind"]>("message", "message", "announcement"),
      payload: fc.string({ unit: "binary", maxLength: 8 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant("wait" as const), ms: fc.integer({ min: 0, max: 60 }) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("read" as const),
      back: fc.integer({ min: -2, max: 30 }),
      off: fc.constantFrom(0, 0, 0, 1, -1, 9),
      limit: fc.integer({ min: 0, max: 30 }),
      epoch: fc.constantFrom(true, true, true, false),
    }),
  },
);

const bounds = fc.record({
  maxMessages: fc.integer({ min: 1, max: 12 }),
  maxBytes: fc.integer({ min: 1, max: 80 }),
  maxAge: fc.integer({ min: 1, max: 200 }),
});

test("the memory engine reads what a model that keeps everything works out", async () => {
  await fc.assert(
    fc.asyncProperty(bounds, fc.array(step, { maxLength: 80 }), async (limits, steps) => {
      const clock = new FakeClock();
      const engine = memoryEngine(new MemoryStore({ clock, random: seededRandom(1), bounds: limits }));
      await engine.start("a", { entries() {}, claimed() {}, message() {}, doubt() {} });
      const { epoch } = await engine.position(T);
      const model = new Model(limits);
      for (const one of steps) {
        if (one.do === "wait") await clock.advance(one.ms);
        else if (one.do === "append") {
          model.append(one.kind, one.payload, clock.monotonic());
          const done = await engine.append(T, { kind: one.kind, from: null, payload: one.payload });
          assert.deepEqual(done, { outcome: "stored", position: { epoch, ...model.head }, repeat: false });
        } else {
          const offset = Math.max(0, model.head.offset - one.back);
          const count = Math.max(0, model.countAt(offset) + one.off);
          const after = { epoch: one.epoch ? epoch : "other", offset, count };
          const expected = model.read(epoch, after, one.limit, clock.monotonic());
          assert.deepEqual(await engine.read(T, after, one.limit), expected);
        }
      }
    }),
    { numRuns: 400 },
  );
});

test("whoever reads on and on sees every message once and in order, or is told how many are missing", async () => {
  await fc.assert(
    fc.asyncProperty(bounds, fc.array(step, { maxLength: 120 }), async (limits, steps) => {
      const clock = new FakeClock();
      const engine = memoryEngine(new MemoryStore({ clock, random: seededRandom(1), bounds: limits }));
      await engine.start("a", { entries() {}, claimed() {}, message() {}, doubt() {} });
      let at = await engine.position(T);
      let accounted = 0;
      for (const one of steps) {
        if (one.do === "wait") await clock.advance(one.ms);
        else if (one.do === "append")
          await engine.append(T, { kind: one.kind, from: null, payload: one.payload });
        else {
          const reading = await engine.read(T, at, one.limit);
          accounted += reading.missed ?? assert.fail("it has been here all along");
          for (const entry of reading.entries) {
            assert.ok(entry.offset > at.offset);
            if (entry.kind === "message") assert.equal(entry.count, ++accounted);
            at = { epoch: reading.epoch, offset: entry.offset, count: entry.count };
          }
          if (reading.entries.length === 0 && one.limit > 0) at = reading.head;
          else if (reading.entries.length === 0) at = reading.from;
          assert.equal(at.count, accounted);
        }
      }
    }),
    { numRuns: 300 },
  );
});
