import type { Dice } from "../simulation/time.ts";

/** What is put where something else was expected. */
const ODD: readonly unknown[] = [
  null,
  true,
  0,
  -1,
  1e308,
  2 ** 53,
  "",
  "*",
  "/",
  "/**",
  "/meta/*",
  "/meta/handshake",
  "__proto__",
  "constructor",
  "\u0000",
  "\ud800",
  "\u202e/x",
  "x".repeat(5_000),
  "/a".repeat(200),
  [],
  {},
  [[[[[[]]]]]],
  { __proto__: null, toString: 1, length: -1 },
];

/** Names that mean something to somebody. */
const NAMES = [
  "channel",
  "clientId",
  "data",
  "ext",
  "advice",
  "id",
  "subscription",
  "connectionType",
  "successful",
  "__proto__",
  "constructor",
  "toJSON",
];

/** The same value with one thing in it changed; JSON in, JSON out (names may come twice only in {@link garble}). */
export function mutated(value: unknown, dice: Dice): unknown {
  if (dice.chance(0.15)) return dice.pick(ODD);
  const change = dice.pick(["add", "remove", "inside", "inside", "inside"]);
  if (Array.isArray(value)) {
    const items = [...value];
    const at = dice.between(0, Math.max(0, items.length - 1));
    if (items.length === 0 || change === "add") items.push(dice.pick(ODD));
    else if (change === "remove") items.splice(at, 1);
    else items[at] = mutated(items[at], dice);
    return items;
  }
  if (typeof value !== "object" || value === null) return dice.pick(ODD);
  const entries = Object.entries(value);
  const at = dice.between(0, Math.max(0, entries.length - 1));
  if (entries.length === 0 || change === "add") entries.push([dice.pick(NAMES), dice.pick(ODD)]);
  else if (change === "remove") entries.splice(at, 1);
  else entries[at] = [entries[at]![0], mutated(entries[at]![1], dice)];
  return Object.fromEntries(entries);
}

/** The same bytes with a few of them changed, lost, repeated, or put in. */
export function garbled(text: string, dice: Dice): Buffer {
  let bytes = Buffer.from(text);
  for (let changes = dice.between(1, 4); changes > 0; changes -= 1) {
    const at = dice.between(0, bytes.length);
    const rest = bytes.subarray(at);
    const some = rest.subarray(0, dice.between(0, 40));
    const put = [Buffer.from([dice.between(0, 255)]), Buffer.from('"__proto__":{"x":1},'), some];
    bytes = dice.chance(0.3)
      ? Buffer.concat([bytes.subarray(0, at), rest.subarray(some.length)])
      : Buffer.concat([bytes.subarray(0, at), dice.pick(put), rest]);
  }
  return bytes;
}
