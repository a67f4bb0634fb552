import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  type Engine,
  engineRules,
  withoutDeduplication,
  withoutFences,
  withoutGaps,
} from "../../src/engine/index.ts";
import { memoryHarness } from "./harness.ts";

/** The rules that break, by number: the suite must notice each promise that is not kept, and nothing else. */
const PLANTED: readonly (readonly [string, (engine: Engine) => Engine, readonly number[]])[] = [
  [
    "fences",
    withoutFences,
    [
      127, 134, 136, 146, 147, 149, 150, 151, 155, 156, 157, 163, 167, 170, 187, 188, 205, 206, 218, 304, 305,
      306, 307,
    ],
  ],
  [
    "deduplication",
    withoutDeduplication,
    [122, 123, 124, 126, 128, 131, 133, 134, 135, 136, 137, 153, 154, 157, 207, 219, 301, 302],
  ],
  ["gaps", withoutGaps, [106, 107, 108, 111, 112, 113, 114, 116, 215, 218, 308]],
];

describe("an engine that breaks a promise breaks the rules that prove it", () => {
  for (const [promise, plant, expected] of PLANTED) {
    test(`without ${promise}`, async () => {
      const harness = memoryHarness(plant);
      const broken: number[] = [];
      for (const rule of engineRules) {
        await rule.run(harness).catch(() => broken.push(rule.number));
      }
      assert.deepEqual(broken, expected);
    });
  }
});
