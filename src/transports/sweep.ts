import type { Clock, Timer } from "../ports.ts";

/** Looks after many connections at once. Answers whether there is anything left to look after. */
export type Sweeper = (now: number) => boolean;

const INTERVAL_MS = 1000;

/**
 * One timer for all sockets, streams and bodies together. It runs only while there are any, and its `now` is the
 * time of the last tick: exact enough for timeouts of seconds, and free to read for every frame.
 */
export class Sweep {
  readonly #clock: Clock;
  readonly #sweepers: Sweeper[] = [];
  #timer: Timer | undefined;
  #now: number;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#now = clock.monotonic();
  }

  /** Milliseconds, monotonic. */
  get now(): number {
    return this.#now;
  }

  add(sweeper: Sweeper): void {
    this.#sweepers.push(sweeper);
  }

  /** There is something to look after. */
  wake(): void {
    if (this.#timer !== undefined) return;
    this.#now = this.#clock.monotonic();
    this.#schedule();
  }

  stop(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
  }

  #schedule(): void {
    this.#timer = this.#clock.after(INTERVAL_MS, () => this.#tick());
  }

  #tick(): void {
    this.#timer = undefined;
    this.#now = this.#clock.monotonic();
    let busy = false;
    for (const sweeper of this.#sweepers) busy = sweeper(this.#now) || busy;
    if (busy && this.#timer === undefined) this.#schedule();
  }
}
