import { setTimeout as sleep } from "node:timers/promises";

export interface EventuallyOptions {
  /** Milliseconds; 10 s when not given. */
  readonly timeout?: number;
  /** Milliseconds between two looks. */
  readonly interval?: number;
}

type Held<T> = Exclude<T, false | null>;

/**
 * Looks again and again until `check` neither throws nor returns `false` or `null`, and resolves with what it returned: a
 * check may be a few asserts, or a search that answers null while there is nothing. In the end it rejects with the last failure as its cause, so the assertion inside is what is read.
 */
export async function eventually<T>(
  check: () => T | Promise<T>,
  { timeout = 10_000, interval = 20 }: EventuallyOptions = {},
): Promise<Held<T>> {
  const deadline = performance.now() + timeout;
  for (;;) {
    let failure: unknown;
    try {
      const value = await check();
      if (value !== false && value !== null) return value as Held<T>;
      failure = new Error(`the check returned ${value}`);
    } catch (error) {
      failure = error;
    }
    if (performance.now() >= deadline) {
      const reason = failure instanceof Error ? failure.message : String(failure);
      throw new Error(`not within ${timeout} ms: ${reason}`, { cause: failure });
    }
    await sleep(interval);
  }
}
