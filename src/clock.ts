import { randomBytes } from "node:crypto";
import type { Clock, Random, Timer } from "./ports.ts";

/** Beyond this setTimeout fires at once; longer waits are made of several. */
const LONGEST = 2 ** 31 - 1;

/**
 * The real time. Its timers do not keep the process alive: what does is a socket that somebody listens on, and
 * without one there is nothing left to wait for.
 */
export const systemClock: Clock = {
  now: () => Date.now(),
  monotonic: () => performance.now(),
  after(ms: number, task: () => void): Timer {
    let handle: NodeJS.Timeout;
    const arm = (left: number): void => {
      handle = setTimeout(
        () => (left > LONGEST ? arm(left - LONGEST) : task()),
        Math.min(Math.max(left, 0), LONGEST),
      );
      handle.unref();
    };
    arm(ms);
    return { cancel: () => clearTimeout(handle) };
  },
  defer(task: () => void): void {
    setImmediate(task);
  },
};

/** Bytes asked of the system at a time: a call costs as much for twenty as for all of them. */
const POOL = 2048;
let pool: Uint8Array = new Uint8Array(0);
let given = 0;

export const systemRandom: Random = {
  fraction: () => Math.random(),
  bytes(size) {
    if (size > POOL) return randomBytes(size);
    if (given + size > pool.length) {
      pool = randomBytes(POOL);
      given = 0;
    }
    given += size;
    // Nobody is given the same twice.
    return pool.subarray(given - size, given);
  },
};
