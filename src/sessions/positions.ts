import type { Ext } from "../bayeux/index.ts";
import { type Position, parsePosition } from "../engine/contract.ts";

/** What a client of ours says that it has, by topic (docs/protocol.md §6); null when it says nothing. */
export function positionsOf(ext: Ext): ((topic: string) => Position | null) | null {
  const mine = ext.actionwire;
  if (typeof mine !== "object" || mine === null) return null;
  const { positions } = mine as { positions?: unknown };
  if (typeof positions !== "object" || positions === null) return null;
  return (topic) =>
    Object.hasOwn(positions, topic) ? parsePosition((positions as Record<string, unknown>)[topic]) : null;
}
