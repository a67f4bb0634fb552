import assert from "node:assert/strict";
import { test } from "node:test";
import { SCENARIOS, type ScenarioName } from "./scenarios.ts";
import { simulate } from "./simulate.ts";

/** Seeds in one test, so that none takes too long on a slow machine. */
const AT_A_TIME = 10;

/** At most so many of each: on a second release of Node a seed has the same history. */
const LIMIT = process.env.ACTIONWIRE_BRIEF ? 3 : Number.POSITIVE_INFINITY;

async function keepsAll(name: ScenarioName, first: number, last: number): Promise<void> {
  const failures: string[] = [];
  for (let seed = first; seed <= last; seed += 1) {
    const { violations } = await simulate(seed, SCENARIOS[name]);
    if (violations.length === 0) continue;
    const replay = `node --import tsx test/simulation/run.ts --seed ${seed} --scenario ${name} --verbose`;
    failures.push(`${replay}\n  ${violations.slice(0, 10).join("\n  ")}`);
  }
  assert.equal(failures.join("\n"), "");
}

/** Tests that every guarantee is kept in so many seeds, from 1 on, of each scenario. */
export function keepEveryGuarantee(seeds: Partial<Record<ScenarioName, number>>): void {
  for (const [name, asked] of Object.entries(seeds) as [ScenarioName, number][]) {
    const count = Math.min(asked, LIMIT);
    for (let first = 1; first <= count; first += AT_A_TIME) {
      const last = Math.min(count, first + AT_A_TIME - 1);
      test(`${name}: seeds ${first} to ${last} keep every guarantee`, { timeout: 300_000 }, () =>
        keepsAll(name, first, last),
      );
    }
  }
}
