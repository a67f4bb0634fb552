import type { Clock } from "../ports.ts";

export interface Rate {
  readonly perSecond: number;
  /** Events that may come at once after a quiet time. */
  readonly burst: number;
}

/** A token bucket: how much one connection may ask for. */
export class Allowance {
  readonly #rate: Rate;
  readonly #clock: Clock;
  #tokens: number;
  #at: number;

  constructor(rate: Rate, clock: Clock) {
    this.#rate = rate;
    this.#clock = clock;
    this.#tokens = rate.burst;
    this.#at = clock.monotonic();
  }

  take(): boolean {
    if (this.#tokens < 1) {
      const now = this.#clock.monotonic();
      this.#tokens = Math.min(
        this.#rate.burst,
        this.#tokens + ((now - this.#at) * this.#rate.perSecond) / 1000,
      );
      this.#at = now;
      if (this.#tokens < 1) return false;
    }
    this.#tokens -= 1;
    return true;
  }
}
