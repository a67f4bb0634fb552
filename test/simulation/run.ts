/** Replays a seed: `node --import tsx test/simulation/run.ts --seed 7 --scenario kills --verbose`. */
import { parseArgs } from "node:util";
import { withoutDeduplication, withoutFences, withoutGaps } from "../../src/engine/planted.ts";
import { SCENARIOS, type ScenarioName } from "./scenarios.ts";
import { simulate } from "./simulate.ts";

const planted = { withoutFences, withoutDeduplication, withoutGaps };
const { values } = parseArgs({
  options: {
    seed: { type: "string", default: "1" },
    /** Seeds from `seed` on. */
    count: { type: "string", default: "1" },
    scenario: { type: "string" },
    planted: { type: "string" },
    verbose: { type: "boolean", default: false },
  },
});
const names = values.scenario ? values.scenario.split(",") : Object.keys(SCENARIOS);
for (const name of names)
  if (!(name in SCENARIOS)) throw new Error(`scenarios: ${Object.keys(SCENARIOS).join(", ")}`);
const first = Number(values.seed);
for (const name of names as ScenarioName[]) {
  const started = performance.now();
  let bad = 0;
  for (let seed = first; seed < first + Number(values.count); seed += 1) {
    const { verbose } = values;
    const run = await simulate(seed, SCENARIOS[name], {
      verbose,
      planted: planted[values.planted as keyof typeof planted],
    });
    if (run.violations.length === 0 && Number(values.count) > 1) continue;
    if (run.violations.length > 0) bad += 1;
    console.log(
      `${name} ${seed}: ${run.violations.length} wrong, ${run.facts} facts, ${run.lasted} ms, ${run.digest.slice(0, 12)}`,
    );
    for (const one of run.violations) console.log(`  ${one}`);
  }
  console.log(
    `${name}: ${bad} bad, ${((performance.now() - started) / Number(values.count)).toFixed(0)} ms a seed`,
  );
}
