/**
 * npm run bench                                       all but the long ones: ten minutes and more
 * npm run bench -- --quick                            one short round on the servers that matter most: about two minutes
 * npm run bench -- --only fanout,action --servers floor,actionwire --rounds 5
 * npm run bench -- --growth --plots                   the long ones, and plots of them for docs/performance.md
 */
import { parseArgs } from "node:util";
import { measure } from "./lib/contest.ts";
import { writePlots, writeResults } from "./lib/files.ts";
import { describeMachine, keepApart } from "./lib/machine.ts";
import type { Result } from "./lib/report.ts";
import type { Scale } from "./lib/round.ts";
import { markdownTable, textTable } from "./lib/table.ts";
import { scenarios } from "./scenarios/index.ts";

const { values } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    growth: { type: "boolean", default: false },
    plots: { type: "boolean", default: false },
    only: { type: "string" },
    servers: { type: "string" },
    rounds: { type: "string" },
  },
});

const FULL: Scale = {
  warm: 1.5,
  measured: 1.5,
  connections: 1_500,
  rooms: 200,
  members: [5_000, 20_000],
  most: 20_000,
  idle: [25, 50],
  returning: 10_000,
};
const QUICK: Scale = {
  warm: 0.6,
  measured: 0.6,
  connections: 600,
  rooms: 40,
  members: [1_000, 3_000],
  most: 3_000,
  idle: [2, 25],
  returning: 1_000,
};
const QUICK_SERVERS = "floor,ws,socket.io,actionwire";
const scale = values.quick ? QUICK : FULL;
const rounds = Number(values.rounds ?? (values.quick ? 1 : 3));

/** Those that were named. */
function named(given: string, all: readonly string[], what: string): readonly string[] {
  const names = given.split(",");
  const unknown = names.find((name) => !all.includes(name));
  if (unknown !== undefined) throw new Error(`no ${what} "${unknown}"; there are: ${all.join(", ")}`);
  return names;
}

const usual = scenarios.filter(({ long = false }) => long === values.growth).map(({ name }) => name);
const chosen =
  values.only === undefined
    ? usual
    : named(
        values.only,
        scenarios.map(({ name }) => name),
        "scenario",
      );
const known = [...new Set(scenarios.flatMap(({ peers }) => Object.keys(peers)))];
const asked = values.servers ?? (values.quick ? QUICK_SERVERS : undefined);
const servers = asked === undefined ? known : named(asked, known, "server");

const apart = keepApart();
const machine = describeMachine();
console.log(`${machine}; ${rounds} rounds of ${scale.measured} s`);
if (!apart)
  console.log(
    "!! no taskset, or no second core: servers and load disturb each other, and no figure is worth much",
  );

const results: Result[] = [];
const tables: string[] = [];
for (const scenario of scenarios) {
  if (!chosen.includes(scenario.name)) continue;
  const result = await measure(scenario, { servers, rounds, scale });
  console.log(textTable(scenario, result));
  results.push(result);
  tables.push(markdownTable(scenario, result));
}
console.log(`\nwritten to ${writeResults(machine, results, tables)}.{json,md}`);
if (values.plots) for (const file of writePlots(results)) console.log(`plotted in ${file}`);
const failed = results.some(({ rows }) => rows.some(({ failure }) => failure !== undefined));
process.exit(failed ? 1 : 0);
