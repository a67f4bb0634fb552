import type { Clock, Timer } from "../ports.ts";

export { seededRandom } from "../engine/suite/seeded.ts";

interface Due {
  readonly at: number;
  readonly order: number;
  readonly task: () => void;
}

// Taken at load, so that a test that replaces the globals does not stop the fake clock as well.
const macrotask = setImmediate;

/** A clock that moves only when told to. Starts at 2026-01-01T00:00:00Z by the wall and at 0 monotonically. */
export class FakeClock implements Clock {
  #wall: number;
  #elapsed = 0;
  #order = 0;
  readonly #timers = new Set<Due>();
  #deferred: (() => void)[] = [];

  constructor(wall: number = Date.UTC(2026, 0, 1)) {
    this.#wall = wall;
  }

  now(): number {
    return this.#wall + this.#elapsed;
  }

  monotonic(): number {
    return this.#elapsed;
  }

  after(ms: number, task: () => void): Timer {
    const due: Due = { at: this.#elapsed + Math.max(ms, 0), order: this.#order++, task };
    this.#timers.add(due);
    return { cancel: () => void this.#timers.delete(due) };
  }

  defer(task: () => void): void {
    this.#deferred.push(task);
  }

  /** Timers that have not fired. */
  get pending(): number {
    return this.#timers.size;
  }

  /** Runs everything that needs no time: promise reactions and deferred tasks, until there are none. */
  async settle(): Promise<void> {
    await microtasks();
    while (this.#deferred.length > 0) {
      // One turn: what is deferred while these run belongs to the next one, as with setImmediate.
      const turn = this.#deferred;
      this.#deferred = [];
      for (const task of turn) {
        task();
        await microtasks();
      }
    }
  }

  /**
   * Lets `ms` milliseconds pass: due timers run in order, each at its own time, and everything that needs no time
   * is done before time moves on.
   */
  async advance(ms: number): Promise<void> {
    const until = this.#elapsed + ms;
    await this.settle();
    for (let due = this.#next(until); due; due = this.#next(until)) {
      this.#timers.delete(due);
      // Never back: after a freeze timers are late.
      this.#elapsed = Math.max(this.#elapsed, due.at);
      due.task();
      await this.settle();
    }
    this.#elapsed = until;
  }

  /** Somebody sets the wall clock: `now` moves (either way), nothing else does. */
  jump(ms: number): void {
    this.#wall += ms;
  }

  /** Time passes without anybody running (a stopped process, a suspended machine); what became due runs at the next advance. */
  freeze(ms: number): void {
    this.#elapsed += ms;
  }

  #next(until: number): Due | null {
    let first: Due | null = null;
    for (const due of this.#timers) {
      if (due.at <= until && (first === null || byTime(due, first) < 0)) first = due;
    }
    return first;
  }
}

function byTime(a: Due, b: Due): number {
  return a.at - b.at || a.order - b.order;
}

/** A turn of the event loop starts only when no promise reaction is left. */
function microtasks(): Promise<void> {
  return new Promise((resolve) => {
    macrotask(resolve);
  });
}
