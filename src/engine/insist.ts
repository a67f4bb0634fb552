import type { Clock } from "../ports.ts";
import { EngineFailure } from "./contract.ts";

const PAUSES = [20, 80, 250, 700];

/**
 * Repeats an operation that may be repeated while its outcome is unknown. What is still unknown after a second or so
 * is thrown; `unavailable` and `fenced` at once.
 */
export async function insist<T>(clock: Clock, operation: () => Promise<T>): Promise<T> {
  for (const pause of PAUSES) {
    try {
      return await operation();
    } catch (failed) {
      if (!(failed instanceof EngineFailure) || failed.outcome !== "unknown") throw failed;
      await sleep(clock, pause);
    }
  }
  return operation();
}

export function sleep(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => {
    clock.after(ms, resolve);
  });
}
