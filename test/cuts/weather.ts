/** Bad weather on a network, and clients that are out in it. Chance is seeded: a failure can be had again. */
import type { Clock } from "../../src/client/index.ts";

export type Chance = () => number;

/** A number in [0, 1) at each call, the same ones for the same seed (mulberry32). */
export function seeded(seed: number): Chance {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** A client's clock that draws its waits from `chance`, `pull` of 0 to 1 times as long as it would in earnest. */
export function clientClock(chance: Chance, pull = 1): Clock {
  return {
    now: () => Date.now(),
    setTimeout: (run, ms) => setTimeout(run, ms),
    clearTimeout: (timer) => clearTimeout(timer as NodeJS.Timeout),
    random: () => chance() * pull,
  };
}

export interface Storm {
  /** How often it has struck. */
  readonly strikes: number;
  stop(): void;
}

/** Strikes again and again, after random waits of `mean` milliseconds, until it is stopped. */
export function storm(chance: Chance, mean: number, strike: () => void): Storm {
  let strikes = 0;
  let timer: NodeJS.Timeout;
  const wait = () => {
    timer = setTimeout(
      () => {
        strikes += 1;
        strike();
        wait();
      },
      mean * (0.2 + 1.6 * chance()),
    );
  };
  wait();
  return {
    get strikes() {
      return strikes;
    },
    stop: () => clearTimeout(timer),
  };
}
