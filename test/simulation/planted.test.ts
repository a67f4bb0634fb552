import assert from "node:assert/strict";
import { test } from "node:test";
import { withoutDeduplication, withoutFences, withoutGaps } from "../../src/engine/planted.ts";
import { SCENARIOS, type ScenarioName } from "./scenarios.ts";
import { simulate } from "./simulate.ts";
import type { Planted } from "./world.ts";

test("one seed, one history", async () => {
  const [first, again] = [await simulate(1, SCENARIOS.chaos), await simulate(1, SCENARIOS.chaos)];
  assert.equal(again.digest, first.digest);
  assert.notEqual((await simulate(2, SCENARIOS.chaos)).digest, first.digest);
});

/** A check that stays green on an engine that breaks its promise checks nothing. */
const PLANTED: readonly [what: string, planted: Planted, scenario: ScenarioName, within: number][] = [
  ["that former owners are refused", withoutFences, "chaos", 20],
  ["that an append done twice is stored once", withoutDeduplication, "engine", 20],
  ["that gaps are told", withoutGaps, "gaps", 20],
];

for (const [what, planted, scenario, within] of PLANTED) {
  test(`an engine that does not promise ${what} is found within ${within} seeds`, async () => {
    for (let seed = 1; seed <= within; seed += 1) {
      if ((await simulate(seed, SCENARIOS[scenario], { planted })).violations.length > 0) return;
    }
    assert.fail("not found");
  });
}
