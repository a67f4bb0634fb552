import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { systemClock, systemRandom } from "../../src/clock.ts";
import { FakeClock, seededRandom } from "../../src/testing/fake-clock.ts";

describe("the fake clock", () => {
  test("runs timers in the order of their times, each at its own time", async () => {
    const clock = new FakeClock(1_000);
    const ran: string[] = [];
    const note = (name: string) => () => void ran.push(`${name} ${clock.monotonic()} ${clock.now()}`);
    clock.after(20, note("c"));
    clock.after(10, note("a"));
    clock.after(10, note("b"));
    clock.after(30, note("never")).cancel();
    clock.after(31, note("later"));
    await clock.advance(30);
    assert.deepEqual(ran, ["a 10 1010", "b 10 1010", "c 20 1020"]);
    assert.equal(clock.monotonic(), 30);
    assert.equal(clock.pending, 1);
  });

  test("does everything that needs no time before time moves on", async () => {
    const clock = new FakeClock();
    const ran: string[] = [];
    clock.after(10, () => {
      clock.defer(() => ran.push(`deferred ${clock.monotonic()}`));
      Promise.resolve()
        .then(() => Promise.resolve())
        .then(() => ran.push(`promised ${clock.monotonic()}`));
    });
    clock.after(11, () => ran.push("next"));
    await clock.advance(20);
    assert.deepEqual(ran, ["promised 10", "deferred 10", "next"]);
  });

  test("runs a timer that is set by another within the same advance", async () => {
    const clock = new FakeClock();
    let ticks = 0;
    const tick = (): void => {
      ticks += 1;
      clock.after(10, tick);
    };
    clock.after(10, tick);
    await clock.advance(95);
    assert.equal(ticks, 9);
  });

  test("the wall can be set; a frozen time makes timers late, and never runs back", async () => {
    const clock = new FakeClock(0);
    const at: number[] = [];
    clock.after(10, () => void at.push(clock.monotonic()));
    clock.jump(-5_000);
    assert.deepEqual([clock.now(), clock.monotonic()], [-5_000, 0]);
    clock.freeze(1_000);
    assert.deepEqual(at, []);
    await clock.advance(5);
    assert.deepEqual(at, [1_000]);
    assert.equal(clock.monotonic(), 1_005);
  });
});

describe("the seeded random source", () => {
  test("gives the same for the same seed, between 0 and 1, spread out", () => {
    const draw = (seed: number) => {
      const random = seededRandom(seed);
      return Array.from({ length: 1_000 }, () => random.fraction());
    };
    assert.deepEqual(draw(1), draw(1));
    assert.notDeepEqual(draw(1), draw(2));
    assert.ok(draw(3).every((fraction) => fraction >= 0 && fraction < 1));
    const mean = draw(4).reduce((sum, fraction) => sum + fraction, 0) / 1_000;
    assert.ok(mean > 0.45 && mean < 0.55, `${mean}`);
    assert.deepEqual(seededRandom(5).bytes(16), seededRandom(5).bytes(16));
    assert.equal(seededRandom(5).bytes(16).length, 16);
  });
});

describe("the system clock", () => {
  test("defers to the end of the turn, after promise reactions", async () => {
    const ran: string[] = [];
    await new Promise<void>((resolve) => {
      systemClock.defer(() => {
        ran.push("deferred");
        resolve();
      });
      Promise.resolve().then(() => ran.push("promised"));
      ran.push("now");
    });
    assert.deepEqual(ran, ["now", "promised", "deferred"]);
  });

  test("runs a task once and only unless cancelled, and not early", async () => {
    const keepAlive = setInterval(() => {}, 1_000);
    try {
      const started = systemClock.monotonic();
      let cancelled = true;
      systemClock
        .after(1, () => {
          cancelled = false;
        })
        .cancel();
      // Longer than one timer can be: it must not fire at once.
      const long = systemClock.after(2 ** 40, () => assert.fail("decades early"));
      await new Promise<void>((resolve) => void systemClock.after(20, resolve));
      long.cancel();
      assert.ok(systemClock.monotonic() - started >= 18);
      assert.ok(cancelled);
    } finally {
      clearInterval(keepAlive);
    }
  });

  test("tells the wall's time, and bytes fit for secrets", () => {
    assert.ok(Math.abs(systemClock.now() - Date.now()) < 1_000);
    assert.equal(systemRandom.bytes(20).length, 20);
    assert.notDeepEqual(systemRandom.bytes(20), systemRandom.bytes(20));
    const fraction = systemRandom.fraction();
    assert.ok(fraction >= 0 && fraction < 1);
  });
});
