/** `npm run chaos -- --seed 7 --seconds 60 --scenario chaos` */
import { writeFileSync } from "node:fs";
import { parseArgs } from "node:util";
import { chaos } from "./chaos.ts";
import { TRANSPORTS, type TransportName } from "./player.ts";
import { SCENARIOS, type ScenarioName } from "./scenarios.ts";

const { values } = parseArgs({
  options: {
    seed: { type: "string", default: String(Math.floor(Math.random() * 1_000_000)) },
    seconds: { type: "string", default: "60" },
    scenario: { type: "string", default: "chaos" },
    clients: { type: "string", default: "200" },
    rooms: { type: "string", default: "20" },
    /** Mean milliseconds between two things that one client does. */
    pause: { type: "string", default: "2000" },
    transports: { type: "string", default: TRANSPORTS.join(",") },
    /** An engine that breaks a promise, to see that it is found. */
    planted: { type: "string" },
    verbose: { type: "boolean", default: false },
    /** A file for all facts, one a line, each with the milliseconds since the beginning. */
    facts: { type: "string" },
    /** A file for all that the nodes log. */
    log: { type: "string" },
  },
});
if (!(values.scenario in SCENARIOS)) throw new Error(`scenarios: ${Object.keys(SCENARIOS).join(", ")}`);
const transports = values.transports.split(",") as TransportName[];
for (const one of transports)
  if (!TRANSPORTS.includes(one)) throw new Error(`transports: ${TRANSPORTS.join(", ")}`);
const numbers = Object.fromEntries(
  (["seed", "seconds", "clients", "rooms", "pause"] as const).map((name) => [name, Number(values[name])]),
);
const { seed = 0, seconds = 0, clients = 0, rooms = 0, pause = 0 } = numbers;
// What is started here goes when this goes.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));
console.log(`${values.scenario}, seed ${seed}: ${clients} clients, ${seconds} s`);
const { violations, figures, facts } = await chaos({
  seed,
  seconds,
  clients,
  rooms,
  pause,
  scenario: SCENARIOS[values.scenario as ScenarioName],
  transports,
  planted: values.planted,
  verbose: values.verbose,
  log: values.log,
});
console.log(
  Object.entries(figures)
    .map(([name, value]) => `${name} ${value}`)
    .join(", "),
);
if (values.facts) writeFileSync(values.facts, facts.map((fact) => `${JSON.stringify(fact)}\n`).join(""));
if (violations.length > 0) {
  // Of each kind a few: one cause may have a thousand consequences, and hide another one.
  const kinds = new Map<string, string[]>();
  for (const one of violations) {
    const kind = one.replace(/"[^"]*"|[0-9a-f-]{36}|\d+/g, "").slice(0, 60);
    kinds.set(kind, [...(kinds.get(kind) ?? []), one]);
  }
  const shown = [...kinds.values()].flatMap((kind) => [
    ...kind.slice(0, 8),
    ...(kind.length > 8 ? [`(${kind.length - 8} more like that)`] : []),
  ]);
  console.log(`${violations.length} violations:\n${shown.map((one) => `  ${one}`).join("\n")}`);
  const given = `--seed ${seed} --seconds ${seconds} --scenario ${values.scenario} --clients ${clients}`;
  const using = transports.length === TRANSPORTS.length ? "" : ` --transports ${values.transports}`;
  const planted = values.planted ? ` --planted ${values.planted}` : "";
  console.log(
    `Again: npm run chaos -- ${given} --rooms ${rooms} --pause ${pause}${using}${planted} --verbose`,
  );
}
process.exit(violations.length > 0 ? 1 : 0);
