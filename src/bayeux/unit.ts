/**
 * One HTTP body, one `message` parameter, one frame: a JSON array of messages, or a single one (Bayeux 3.2).
 *
 * A fault of one message must not cost the others, nor the socket: a client repeats what failed as a whole for
 * ever (rule 19). So a message that is too deep, too large or one too many is replaced by a `Refused` with its id,
 * which `parseMessage` turns into a failed reply.
 */
import { badRequest, messageTooLarge, tooDeep, tooManyMessages } from "./errors.ts";
import type { UnitLimits } from "./limits.ts";
import { idOf, isObject, Refused } from "./refused.ts";

export type ParsedUnit =
  | { readonly ok: true; readonly unit: unknown[] }
  | { readonly ok: false; readonly error: string };

// A UTF-16 unit takes at most three bytes of UTF-8.
const MAX_BYTES_PER_CHAR = 3;
// An opening and a closing bracket.
const CHARS_PER_LEVEL = 2;

export function parseUnit(text: string, limits: UnitLimits): ParsedUnit {
  let value: unknown;
  try {
    // Never pollutes: JSON.parse defines `__proto__` as an own property. A BOM is refused (case 31).
    value = JSON.parse(text);
  } catch {
    return { ok: false, error: badRequest() };
  }
  if (value === null) return { ok: true, unit: [] };
  if (typeof value !== "object") return { ok: false, error: badRequest() };
  const items: unknown[] = Array.isArray(value) ? value : [value];
  return { ok: true, unit: checked(items, text, limits) };
}

/** Joins the units of several `message` parameters of one form and applies the batch limit to the whole (case 128). */
export function joinUnits(units: readonly (readonly unknown[])[], limits: UnitLimits): unknown[] {
  return withoutSurplus(units.flat(), limits.batch);
}

function checked(items: unknown[], text: string, limits: UnitLimits): unknown[] {
  const unit = withoutSurplus(
    items.includes(null) ? items.filter((item) => item !== null) : items,
    limits.batch,
  );
  const mayBeDeep = text.length > CHARS_PER_LEVEL * limits.depth;
  const mayBeLarge =
    text.length * MAX_BYTES_PER_CHAR > limits.messageBytes && Buffer.byteLength(text) > limits.messageBytes;
  if (!mayBeDeep && !mayBeLarge) return unit;
  return unit.map((item) => {
    // Depth first: writing a value of 100,000 levels back to text would overflow the stack (case 116).
    if (mayBeDeep && isDeeper(item, limits.depth)) return new Refused(item, tooDeep());
    if (mayBeLarge && isLarger(item, limits.messageBytes)) return new Refused(item, messageTooLarge());
    return item;
  });
}

/** Case 35. Without an id nobody waits for the answer, so such items share one: a megabyte of `1,` gets no megabytes back. */
function withoutSurplus(items: unknown[], batch: number): unknown[] {
  if (items.length <= batch) return items;
  const unit = items.slice(0, batch);
  let told = false;
  for (const item of items.slice(batch)) {
    const awaited = item instanceof Refused || (isObject(item) && idOf(item.id) !== undefined);
    if (awaited || !told) unit.push(new Refused(item, tooManyMessages()));
    told ||= !awaited;
  }
  return unit;
}

/** Walks the value instead of the text: a message has a handful of nodes and hundreds of characters. */
function isDeeper(value: unknown, levels: number): boolean {
  if (typeof value !== "object" || value === null) return false;
  if (levels === 0) return true;
  if (Array.isArray(value)) {
    for (const item of value) if (isDeeper(item, levels - 1)) return true;
    return false;
  }
  const object = value as Record<string, unknown>;
  for (const key in object) if (isDeeper(object[key], levels - 1)) return true;
  return false;
}

function isLarger(item: unknown, bytes: number): boolean {
  return item !== null && typeof item === "object" && Buffer.byteLength(JSON.stringify(item)) > bytes;
}
