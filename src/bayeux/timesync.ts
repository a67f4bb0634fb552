import type { Ext } from "./messages.ts";

/**
 * CometD's `timesync` extension: what a reply tells of the server's clock. Undefined where the client did not ask. `received` and
 * `now` (when the message came, when its reply is written): milliseconds since 1970.
 */
export function timesync(ext: Ext, received: number, now: number): Record<string, number> | undefined {
  const { timesync: asked } = ext;
  if (typeof asked !== "object" || asked === null) return undefined;
  const { tc, l = 0, o = 0 } = asked as { tc?: unknown; l?: unknown; o?: unknown };
  if (![tc, l, o].every(Number.isFinite)) return undefined;
  const [sent, lag, offset] = [tc, l, o] as [number, number, number];
  return { tc: sent, ts: received, p: now - received, a: sent + offset + lag - received };
}
