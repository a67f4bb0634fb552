/**
 * Whom the conformance cases judge: a server of ours to the letter; or, where BAYEUX_URL names another one
 * (`npm run conformance`), by what Bayeux 1.0 says, which leaves texts, advice and extensions to the server.
 */
import assert from "node:assert/strict";
import type { Message } from "./messages.ts";

const named = process.env.BAYEUX_URL;

/** Where the server is that is not ours; null for ours. */
export const FOREIGN: URL | null = named === undefined ? null : new URL(named);

/** The path of Bayeux. */
export const MOUNT: string = FOREIGN?.pathname ?? "/faye";

/** Seconds a connect is held by the server that is judged; `own` by ours. */
export const heldFor = (own: number): number => (FOREIGN ? Number(process.env.BAYEUX_TIMEOUT) : own);

/** Of a case that is about more than Bayeux, or needs a server configured for it. */
export const OURS: { readonly skip?: string } = FOREIGN ? { skip: "for a server of ours" } : {};

const isObject = (value: unknown): value is Message =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** What Bayeux says of a message; of its advice what to do next, where both have one. */
function essence(message: Message, other: Message): Message {
  const { id, channel, data, successful, subscription, error, advice } = message;
  if (successful === undefined) return { channel, data };
  const reconnect = isObject(advice) && isObject(other.advice) ? advice.reconnect : undefined;
  // Three digits; the rest is for people.
  const code = error === undefined ? undefined : String(error).slice(0, 4);
  const all = { id, channel, successful, subscription, code, reconnect };
  return Object.fromEntries(Object.entries(all).filter(([, value]) => value !== undefined));
}

const isMessage = (value: unknown): value is Message =>
  isObject(value) && ("successful" in value || "channel" in value);

/** Asserts that a server said what is expected of it. */
export function alike(actual: unknown, expected: unknown): void {
  if (FOREIGN && Array.isArray(actual) && Array.isArray(expected) && actual.length === expected.length) {
    for (const [index, one] of expected.entries()) alike(actual[index], one);
  } else if (FOREIGN && isMessage(actual) && isMessage(expected)) {
    assert.deepEqual(essence(actual, expected), essence(expected, actual));
  } else {
    assert.deepEqual(actual, expected);
  }
}
