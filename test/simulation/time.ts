import type { Clock, Random, Timer } from "../../src/ports.ts";
import type { FakeClock } from "../../src/testing/fake-clock.ts";

/** Milliseconds in which nodes tell a store again what it lost; until then they may refuse. */
export const RESTORED = 5_000;

/**
 * A node's time. While the node is paused nothing of it runs, though time goes on for it; once it is killed nothing
 * of it runs ever again.
 */
export class NodeTime implements Clock {
  readonly #clock: Clock;
  #state: "running" | "paused" | "resuming" | "killed" = "running";
  #held: (() => void)[] = [];

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  now(): number {
    return this.#clock.now();
  }

  monotonic(): number {
    return this.#clock.monotonic();
  }

  after(ms: number, task: () => void): Timer {
    let cancelled = false;
    const timer = this.#clock.after(ms, () => this.enter(() => !cancelled && task()));
    return {
      cancel: () => {
        cancelled = true;
        timer.cancel();
      },
    };
  }

  defer(task: () => void): void {
    this.#clock.defer(() => this.enter(task));
  }

  /** Has the node do something, as soon as it runs. */
  enter(task: () => void): void {
    if (this.#state === "running") task();
    else if (this.#state !== "killed") this.#held.push(task);
  }

  pause(): void {
    if (this.#state === "running" || this.#state === "resuming") this.#state = "paused";
  }

  resume(): void {
    if (this.#state !== "paused") return;
    this.#state = "resuming";
    this.#step();
  }

  kill(): void {
    this.#state = "killed";
    this.#held = [];
  }

  /** What was held back runs in order, each in a turn of its own, and before anything that comes later. */
  #step(): void {
    this.#clock.after(0, () => {
      if (this.#state !== "resuming") return;
      const task = this.#held.shift();
      if (task === undefined) {
        this.#state = "running";
        return;
      }
      task();
      this.#step();
    });
  }
}

/** Puts Faye, which uses the globals, on the fake clock. Returns how to undo that. */
export function takeGlobals(clock: FakeClock, random: Random): () => void {
  const { setTimeout, clearTimeout, Date: RealDate } = globalThis;
  const mathRandom = Math.random;
  class FakeDate extends RealDate {
    constructor(...args: [] | [number | string]) {
      if (args.length === 0) super(clock.now());
      else super(...args);
    }
    static override now(): number {
      return clock.now();
    }
  }
  const put = (name: "setTimeout" | "clearTimeout" | "Date", value: unknown): void => {
    Object.defineProperty(globalThis, name, { value, configurable: true, writable: true, enumerable: true });
  };
  put("setTimeout", (task: () => void, ms = 0): Timer => clock.after(Math.max(0, ms), task));
  put("clearTimeout", (timer: Timer | null | undefined): void => timer?.cancel());
  put("Date", FakeDate);
  Math.random = () => random.fraction();
  return () => {
    put("setTimeout", setTimeout);
    put("clearTimeout", clearTimeout);
    put("Date", RealDate);
    Math.random = mathRandom;
  };
}

/** Draws from a seeded source. */
export class Dice {
  readonly source: Random;

  constructor(source: Random) {
    this.source = source;
  }

  chance(of: number): boolean {
    return of > 0 && this.source.fraction() < of;
  }

  between(least: number, most: number): number {
    return least + Math.floor(this.source.fraction() * (most - least + 1));
  }

  pick<T>(from: readonly T[]): T {
    const found = from[Math.floor(this.source.fraction() * from.length)];
    if (found === undefined) throw new Error("nothing to pick from");
    return found;
  }
}
