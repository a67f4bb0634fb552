import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { engineRules } from "../../src/engine/index.ts";

const page = readFileSync(new URL("../../docs/engine.md", import.meta.url), "utf8");

test("docs/engine.md lists every rule of the suite by number, word for word, and no other", () => {
  const documented = [...page.matchAll(/^- \*\*(\d+)\*\* (.+)$/gm)].map((match) => `${match[1]} ${match[2]}`);
  assert.deepEqual(
    documented,
    engineRules.map((rule) => `${rule.number} ${rule.title}`),
  );
});

test("rules are numbered in ascending order, the hundreds being the tier", () => {
  const numbers = engineRules.map((rule) => rule.number);
  assert.deepEqual(
    numbers,
    [...new Set(numbers)].sort((a, b) => a - b),
  );
  for (const rule of engineRules) assert.equal(Math.floor(rule.number / 100), rule.tier, `${rule.number}`);
});
