import { mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import type { Scenario } from "../scenarios/scenario.ts";
import type { Sample } from "./round.ts";
import { median } from "./statistics.ts";

/** A server in a scenario, medians over its rounds. */
export interface Row extends Sample {
  readonly server: string;
  readonly note?: string;
  readonly rounds: readonly Sample[];
}

export interface Result {
  readonly scenario: string;
  readonly title: string;
  readonly unit: string;
  readonly rows: readonly Row[];
}

/** Shares of a core: a load that has no more, for a server that has. */
const FULL = 0.93;
const SPARE = 0.85;

/** Of a core: whatever else ran took so much that the figures are not to be trusted. */
const NOISE = 0.1;

const isLimited = ({ serverShare, loadShare }: Sample): boolean => loadShare > FULL && serverShare < SPARE;
const isDisturbed = ({ otherShare }: Sample): boolean => otherShare > NOISE;

export function rowOf(server: string, note: string | undefined, rounds: readonly Sample[]): Row {
  const middle = (pick: (sample: Sample) => number | undefined): number =>
    median(rounds.map((sample) => pick(sample) ?? 0));
  const failure = rounds.find((sample) => sample.failure !== undefined)?.failure;
  return {
    server,
    cost: middle(({ cost }) => cost),
    rate: middle(({ rate }) => rate),
    p50: middle(({ p50 }) => p50),
    p99: middle(({ p99 }) => p99),
    p999: middle(({ p999 }) => p999),
    bytes: middle(({ bytes }) => bytes),
    memory: middle(({ memory }) => memory),
    serverShare: middle(({ serverShare }) => serverShare),
    loadShare: middle(({ loadShare }) => loadShare),
    otherShare: middle(({ otherShare }) => otherShare),
    ...(failure === undefined ? {} : { failure }),
    ...(note === undefined ? {} : { note }),
    rounds,
  };
}

const digits = (value: number): string =>
  value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
const some = (value: number | undefined, text: (value: number) => string = digits): string =>
  value ? text(value) : "–";
const percent = (share: number): string => `${(100 * share).toFixed(0)} %`;

const HEADINGS = [
  "",
  "cost",
  "× floor",
  "× socket.io",
  "per second",
  "p50 ms",
  "p99 ms",
  "p99.9 ms",
  "bytes",
  "MiB",
  "server",
  "load",
  "others",
];

function cells(row: Row, rows: readonly Row[]): string[] {
  if (row.failure !== undefined) return [row.server, "FAILED"];
  const over = (name: string): string => {
    const other = rows.find(({ server, failure }) => server === name && failure === undefined);
    return other ? (row.cost / other.cost).toFixed(2) : "–";
  };
  return [
    `${row.server}${isLimited(row) ? " *" : ""}${isDisturbed(row) ? " ~" : ""}`,
    digits(row.cost),
    over("floor"),
    over("socket.io"),
    some(row.rate, (rate) => rate.toFixed(0)),
    some(row.p50),
    some(row.p99),
    some(row.p999),
    some(row.bytes, (bytes) => bytes.toFixed(0)),
    row.memory.toFixed(0),
    percent(row.serverShare),
    percent(row.loadShare),
    percent(row.otherShare),
  ];
}

function lined(lines: readonly string[][]): string {
  const widths = HEADINGS.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  return lines
    .map((line) =>
      line
        .map((cell, column) => (column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column]!)))
        .join("  "),
    )
    .join("\n");
}

function goalOf({ goal }: Scenario, rows: readonly Row[]): string[] {
  const own = rows.find(({ server }) => server === "actionwire");
  const other = goal && rows.find(({ server }) => server === goal.peer);
  if (!own || !other || own.failure || other.failure) return [];
  const bound = goal.times * other.cost;
  const verdict = own.cost <= bound ? "met" : `missed, ${digits(own.cost / bound)} times as much`;
  return [`goal: at most ${goal.times} × ${goal.peer} = ${digits(bound)}: ${verdict}`];
}

export function table(scenario: Scenario, rows: readonly Row[]): string {
  const notes = new Set(
    rows.flatMap(({ server, note }) => (note ? [`${server.split(" ")[0]}: ${note}`] : [])),
  );
  return [
    `\n${scenario.name}: ${scenario.title}; cost in ${scenario.unit}`,
    lined([HEADINGS, ...rows.map((row) => cells(row, rows))]),
    ...rows.flatMap(({ server, failure }) => (failure ? [`!! ${server}: ${failure}`] : [])),
    ...(rows.some(isLimited)
      ? ["* the load was the limit, not the server: its cost holds, its rate and latency do not"]
      : []),
    ...(rows.some(isDisturbed)
      ? ["~ something else ran on this machine: measure again when it is quiet"]
      : []),
    ...notes,
    ...goalOf(scenario, rows),
  ].join("\n");
}

/** The file's name. */
export function write(machine: string, results: readonly Result[]): string {
  const folder = fileURLToPath(new URL("../results/", import.meta.url));
  mkdirSync(folder, { recursive: true });
  const at = new Date().toISOString();
  const file = `${folder}${at.replaceAll(":", "-")}.json`;
  writeFileSync(file, `${JSON.stringify({ at, machine, results }, null, 2)}\n`);
  return file;
}
