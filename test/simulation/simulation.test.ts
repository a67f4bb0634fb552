import assert from "node:assert/strict";
import { test } from "node:test";
import { withoutDeduplication, withoutFences, withoutGaps } from "../../src/engine/planted.ts";
import { SCENARIOS, type ScenarioName } from "./scenarios.ts";
import { simulate } from "./simulate.ts";
import type { Planted } from "./world.ts";

/** How many seeds, from 1 on. 304 in all. */
const SEEDS: Record<Exclude<ScenarioName, "doom">, number> = {
  calm: 4,
  network: 16,
  repeats: 16,
  late: 16,
  engine: 20,
  pushes: 16,
  kills: 20,
  stops: 12,
  pauses: 18,
  outages: 14,
  empties: 24,
  gaps: 16,
  short: 24,
  slow: 8,
  departures: 12,
  rebuilds: 8,
  chaos: 60,
};

/** Seeds in one test, so that none takes too long on a slow machine. */
const AT_A_TIME = 10;

/** At most so many of each: on a second release of Node a seed has the same history. */
const LIMIT = process.env.ACTIONWIRE_BRIEF ? 3 : Number.POSITIVE_INFINITY;

const portions = (Object.entries(SEEDS) as [keyof typeof SEEDS, number][]).flatMap(([name, seeds]) => {
  const count = Math.min(seeds, LIMIT);
  return Array.from({ length: Math.ceil(count / AT_A_TIME) }, (_, part) => {
    const first = part * AT_A_TIME + 1;
    return { name, first, last: Math.min(count, first + AT_A_TIME - 1) };
  });
});

for (const { name, first, last } of portions) {
  test(`${name}: seeds ${first} to ${last} keep every guarantee`, { timeout: 300_000 }, async () => {
    const failures: string[] = [];
    for (let seed = first; seed <= last; seed += 1) {
      const { violations } = await simulate(seed, SCENARIOS[name]);
      if (violations.length === 0) continue;
      const replay = `node --import tsx test/simulation/run.ts --seed ${seed} --scenario ${name} --verbose`;
      failures.push(`${replay}\n  ${violations.slice(0, 10).join("\n  ")}`);
    }
    assert.equal(failures.join("\n"), "");
  });
}

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
