import type { Clock } from "../ports.ts";
import { EngineFailure } from "./contract.ts";

const PAUSES = [20, 80, 250, 700];

/**
 * Repeats an operation that may be repeated while its outcome is unknown. What is still unknown after a second or so
 * is thrown; `unavailable` and `fenced` at once. Once an attempt ended as unknown, `unavailable` says nothing of that
 * one: the whole stays unknown.
 */
export async function insist<T>(clock: Clock, operation: () => Promise<T>): Promise<T> {
  let doubt = false;
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await operation();
    } catch (failed) {
      if (!(failed instanceof EngineFailure) || failed.outcome === "fenced") throw failed;
      if (failed.outcome === "unknown") doubt = true;
      if (!doubt) throw failed;
      const pause = PAUSES[attempt];
      if (pause === undefined) {
        if (failed.outcome === "unknown") throw failed;
        throw new EngineFailure("unknown", "an earlier attempt may have been done", { cause: failed });
      }
      await sleep(clock, pause);
    }
  }
}

export function sleep(clock: Clock, ms: number): Promise<void> {
  return new Promise((resolve) => {
    clock.after(ms, resolve);
  });
}
