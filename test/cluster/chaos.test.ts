import assert from "node:assert/strict";
import { test } from "node:test";
import { type ChaosOptions, chaos } from "../chaos/chaos.ts";
import { TRANSPORTS } from "../chaos/player.ts";
import { SCENARIOS, type ScenarioName } from "../chaos/scenarios.ts";

const SMALL = { seed: 1, clients: 40, rooms: 8, pause: 1_500, transports: TRANSPORTS };

function replay(name: ScenarioName, { seed, seconds, clients, rooms, pause }: ChaosOptions): string {
  const given = `--seed ${seed} --seconds ${seconds} --scenario ${name}`;
  return `npm run chaos -- ${given} --clients ${clients} --rooms ${rooms} --pause ${pause} --verbose`;
}

test("killed, paused and cut, with Redis standing still now and then: every guarantee is kept", {
  timeout: 240_000,
}, async () => {
  const options = { ...SMALL, seconds: 20, scenario: SCENARIOS.chaos };
  const { violations, figures } = await chaos(options);
  assert.deepEqual(violations, [], replay("chaos", options));
  // A run in which nothing happened would prove nothing.
  assert.ok((figures.kills ?? 0) >= 3 && (figures.resumed ?? 0) >= 10, JSON.stringify(figures));
});

/** A check that stays green on an engine that breaks its promise checks nothing. */
const PLANTED: readonly [what: string, planted: string, scenario: ScenarioName][] = [
  ["that an append done twice is stored once", "withoutDeduplication", "cuts"],
  ["that gaps are told", "withoutGaps", "gaps"],
];

for (const [what, planted, scenario] of PLANTED) {
  test(`an engine that does not promise ${what} is found`, { timeout: 240_000 }, async () => {
    const options = { ...SMALL, clients: 20, rooms: 4, pause: 600, seconds: 10 };
    const { violations } = await chaos({ ...options, scenario: SCENARIOS[scenario], planted });
    assert.notDeepEqual(violations, []);
  });
}
