import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  EngineFailure,
  type Entry,
  type Faults,
  faulty,
  MemoryStore,
  memoryEngine,
  ROUGH,
} from "../../src/engine/index.ts";
import { FakeClock, seededRandom } from "../../src/testing/fake-clock.ts";

const T = "room:t";
const message = (payload: string) => ({ kind: "message" as const, from: null, payload });

async function setting(faults: Partial<Faults> = {}, seed = 1) {
  const clock = new FakeClock();
  const store = new MemoryStore({ clock, random: seededRandom(seed) });
  const quiet = memoryEngine(store);
  await quiet.start("quiet", { entries() {}, claimed() {}, message() {}, doubt() {} });
  const engine = faulty(memoryEngine(store), { clock, random: seededRandom(seed), faults });
  const pushed: string[] = [];
  await engine.start("a", {
    entries: (_topic, _epoch, entries: readonly Entry[]) =>
      void pushed.push(...entries.map((e) => e.payload)),
    claimed: (connection, fence) => void pushed.push(`claimed ${connection} ${fence}`),
    message: (from, text) => void pushed.push(`${from}: ${text}`),
    doubt: () => void pushed.push("doubt"),
  });
  const stored = async () => (await quiet.position(T)).offset;
  return { clock, store, quiet, engine, pushed, stored };
}

/** What has become of it by now. */
function watched(work: Promise<unknown>): { state: () => string } {
  let state = "pending";
  work.then(
    () => {
      state = "done";
    },
    (failure: unknown) => {
      state = failure instanceof EngineFailure ? failure.outcome : String(failure);
    },
  );
  return { state: () => state };
}

describe("each fate of an operation", () => {
  const table: readonly (readonly [Partial<Faults>, string, now: number, later: number])[] = [
    [{}, "done", 1, 1],
    [{ refuse: 1 }, "unavailable", 0, 0],
    [{ lose: 1 }, "unknown", 0, 0],
    [{ forget: 1 }, "unknown", 1, 1],
    [{ late: 1 }, "unknown", 0, 1],
    [{ repeat: 1 }, "done", 1, 2],
  ];
  for (const [faults, outcome, now, later] of table) {
    test(JSON.stringify(faults), async () => {
      const { clock, engine, stored } = await setting({ patience: 100, lateness: 100, ...faults });
      const work = watched(engine.append(T, message("1")));
      await clock.advance(99);
      const early = outcome === "unknown" ? "pending" : outcome;
      assert.equal(work.state(), early);
      if (!faults.repeat) assert.equal(await stored(), now);
      await clock.advance(1);
      assert.equal(work.state(), outcome);
      await clock.advance(100);
      assert.equal(await stored(), later);
    });
  }

  test("a reading whose answer is lost is unavailable, never unknown", async () => {
    const { clock, engine } = await setting({ forget: 1 });
    const work = watched(engine.position(T));
    await clock.advance(1_000);
    assert.equal(work.state(), "unavailable");
  });

  test("what an engine that is away refuses is not repeated once it is back", async () => {
    const { clock, store, engine, stored } = await setting({ repeat: 1, lateness: 100 });
    store.fail();
    const work = watched(engine.append(T, message("1")));
    await clock.advance(0);
    assert.equal(work.state(), "unavailable");
    store.recover();
    await clock.advance(100);
    assert.equal(await stored(), 0);
  });

  test("an engine that does not answer is not ready", async () => {
    const { clock, engine } = await setting({ refuse: 1 });
    const ready = engine.ready();
    await clock.advance(0);
    assert.equal(await ready, false);
  });

  test("delays count both ways", async () => {
    const { clock, engine, stored } = await setting({ delay: [30, 30] });
    const work = watched(engine.append(T, message("1")));
    await clock.advance(29);
    assert.equal(await stored(), 0);
    await clock.advance(1);
    assert.equal(await stored(), 1);
    await clock.advance(29);
    assert.equal(work.state(), "pending");
    await clock.advance(1);
    assert.equal(work.state(), "done");
  });
});

describe("pause, resume, kill", () => {
  test("a paused node does nothing and hears nothing until it runs on", async () => {
    const { clock, quiet, engine, pushed, stored } = await setting();
    await engine.watch(T);
    engine.pause();
    const work = watched(engine.append(T, message("own")));
    await quiet.append(T, message("other"));
    await quiet.send("a", "text");
    await clock.advance(1_000);
    assert.deepEqual([work.state(), pushed.length, await stored()], ["pending", 0, 1]);
    engine.resume();
    await clock.advance(0);
    assert.deepEqual([work.state(), pushed, await stored()], ["done", ["other", "quiet: text", "own"], 2]);
  });

  test("what had left a node before the pause arrives during it; the answer is heard after", async () => {
    const { clock, engine, stored } = await setting({ delay: [10, 10] });
    const work = watched(engine.append(T, message("1")));
    await clock.advance(5);
    engine.pause();
    await clock.advance(1_000);
    assert.deepEqual([work.state(), await stored()], ["pending", 1]);
    engine.resume();
    await clock.advance(0);
    assert.equal(work.state(), "done");
  });

  test("of a killed node nothing is heard again, and it hears nothing", async () => {
    const { clock, quiet, engine, pushed, stored } = await setting();
    await engine.watch(T);
    engine.pause();
    const paused = watched(engine.append(T, message("paused")));
    engine.kill();
    engine.resume();
    const killed = watched(engine.append(T, message("killed")));
    await quiet.append(T, message("other"));
    await clock.advance(1_000);
    assert.deepEqual([paused.state(), killed.state(), pushed, await stored()], ["pending", "pending", [], 1]);
  });
});

describe("pushes", () => {
  test("are lost, repeated and overtake each other, the same way for the same seed", async () => {
    const run = async (): Promise<readonly [string[], object]> => {
      const { clock, quiet, engine, pushed } = await setting({ pushes: ROUGH.pushes }, 5);
      await engine.watch(T);
      for (let i = 0; i < 60; i++) {
        await quiet.append(T, message(`${100 + i}`));
        await clock.advance(5);
      }
      await clock.advance(1_000);
      return [pushed, engine.tally];
    };
    const [first, tally] = await run();
    assert.deepEqual(await run(), [first, tally]);
    assert.ok(new Set(first).size < 60, "some are lost");
    assert.ok(new Set(first).size < first.length, "some come twice");
    assert.notDeepEqual(first, [...first].sort(), "some overtake");
  });

  test("texts between nodes have chances of their own", async () => {
    const { clock, quiet, engine, pushed } = await setting({
      messages: { lose: 1, repeat: 0, delay: [0, 0] },
    });
    await engine.watch(T);
    await quiet.send("a", "lost");
    await quiet.append(T, message("heard"));
    await clock.advance(10);
    assert.deepEqual(pushed, ["heard"]);
  });
});

test("a rough minute has a bit of everything", async () => {
  const { clock, engine } = await setting(ROUGH);
  for (let i = 0; i < 400; i++) engine.append(T, message("x")).catch(() => undefined);
  await clock.advance(60_000);
  const { pushesLost, pushesRepeated, ...fates } = engine.tally;
  assert.deepEqual([pushesLost, pushesRepeated], [0, 0]);
  for (const [fate, times] of Object.entries(fates)) assert.ok(times > 0, fate);
});
