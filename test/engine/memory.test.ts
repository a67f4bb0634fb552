import { describe, test } from "node:test";
import { applicable, engineRules } from "../../src/engine/index.ts";
import { memoryHarness } from "./harness.ts";

describe("the memory engine", () => {
  const harness = memoryHarness();
  for (const rule of engineRules.filter((candidate) => applicable(candidate, harness))) {
    test(`${rule.number} ${rule.title}`, () => rule.run(harness));
  }
});
