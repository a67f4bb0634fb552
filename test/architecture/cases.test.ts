/** Each case of the table that the Bayeux tests are numbered after has a test that names it. */
import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const TESTS = fileURLToPath(new URL("../", import.meta.url));

/** First and last number of each part of the table. */
const PARTS: readonly (readonly [name: string, first: number, last: number])[] = [
  ["envelope", 1, 40],
  ["handshake", 41, 60],
  ["connect", 61, 83],
  ["subscribe and unsubscribe", 84, 101],
  ["publish", 102, 119],
  ["disconnect", 120, 126],
  ["transports", 127, 160],
  ["origins", 161, 172],
  ["timeouts and resume", 173, 185],
  ["limits and abuse", 186, 198],
  ["lines", 199, 213],
];

const LIST = String.raw`\d+(?:(?:, |-)\d+)*`;
/** `62, 173: what is so`, `case 149: what is so`. */
const BEFORE = new RegExp(`["'\`](?:cases? )?(${LIST}): `, "g");
/** `what is so (cases 161-163)`. */
const WITHIN = new RegExp(`\\b(?:test|describe|both)\\(\\s*["'\`][^"'\`\\n]*?\\bcases? (${LIST})`, "g");
/** A title that has its number from a row of a table, and such a row. */
const FROM_ROW = /\b(?:test|both)\(\s*`(?:case )?\$\{number\}: /;
const ROW = /^ *\["?(\d+)"?, (?!\d)/gm;

function numbersOf(list: string): number[] {
  return list.split(", ").flatMap((part) => {
    const [first, last = first] = part.split("-").map(Number) as [number, number?];
    return Array.from({ length: last - first + 1 }, (_, n) => first + n);
  });
}

/** The numbers in the titles of a file of tests. */
function named(source: string): number[] {
  const rows = FROM_ROW.test(source) ? source.matchAll(ROW) : [];
  return [...source.matchAll(BEFORE), ...source.matchAll(WITHIN), ...rows].flatMap(([, list]) =>
    numbersOf(list!),
  );
}

const files = readdirSync(TESTS, { recursive: true, encoding: "utf8" })
  .filter((file) => file !== join("architecture", "cases.test.ts"))
  .filter((file) => file.endsWith(".test.ts") || file.endsWith("-contract.ts"))
  .map((file) => [file, readFileSync(TESTS + file, "utf8")] as const);

test("each case of the table is named by a test", () => {
  const all = new Set(files.flatMap(([, source]) => named(source)));
  for (const [part, first, last] of PARTS) {
    const missing = numbersOf(`${first}-${last}`).filter((number) => !all.has(number));
    assert.deepEqual(missing, [], part);
  }
});

test("the parts follow each other, and no test names a case that is none", () => {
  let next = 1;
  for (const [part, first, last] of PARTS) {
    assert.equal(first, next, part);
    next = last + 1;
  }
  for (const [file, source] of files) {
    const odd = named(source).filter((number) => number < 1 || number >= next);
    assert.deepEqual(odd, [], file);
  }
});

test("numbers are found where titles have them", () => {
  const source = [
    'test("7, 9: one", () => {});',
    'both("case 11: two", base, () => {});',
    'describe("three (cases 20-22)", () => {});',
    '  [30, "four"],',
    "  [31, 32, 33],",
    `test(\`\${number}: five\`, () => {});`,
    'text("in 40 or 50: nothing");',
  ].join("\n");
  assert.deepEqual(new Set(named(source)), new Set([7, 9, 11, 20, 21, 22, 30]));
});
