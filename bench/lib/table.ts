import type { Scenario, Series } from "../scenarios/scenario.ts";
import { digits, grouped, percent, shareInTenths, whole } from "./format.ts";
import { goalOf } from "./goal.ts";
import type { Result, Row } from "./report.ts";
import type { Sample } from "./round.ts";

/** Shares of a core: a load that has no more, for a server that has. */
const FULL = 0.93;
const SPARE = 0.85;

/** Of a core: whatever else ran took so much that the figures are not to be trusted. */
const NOISE = 0.1;

const isLimited = ({ serverShare, loadShare }: Sample): boolean => loadShare > FULL && serverShare < SPARE;
const isDisturbed = ({ otherShare }: Sample): boolean => otherShare > NOISE;

/** A column is left out where it has nothing to say about any row. */
interface Column {
  readonly heading: string;
  readonly of: (row: Row, rows: readonly Row[]) => number | undefined;
  readonly text: (value: number) => string;
}

/** How many times the cost of another server at the same work. */
const over = (name: string): Column => ({
  heading: `× ${name}`,
  of: ({ cost, size }, rows) => {
    const other = rows.find(
      (row) => row.server === name && row.size === size && row.failure === undefined,
    )?.cost;
    return other === undefined ? undefined : cost / other;
  },
  text: (times) => times.toFixed(2),
});

const columns = (axis: string): readonly Column[] => [
  { heading: axis, of: ({ size }) => size, text: grouped },
  { heading: "cost", of: ({ cost }) => cost, text: digits },
  {
    heading: "× first",
    of: ({ cost, server, size }, rows) =>
      size === undefined ? undefined : cost / rows.find((row) => row.server === server)!.cost,
    text: (times) => times.toFixed(2),
  },
  over("floor"),
  over("socket.io"),
  { heading: "connections", of: ({ connections }) => connections, text: grouped },
  { heading: "last s", of: ({ last }) => last, text: digits },
  { heading: "per second", of: ({ rate }) => rate, text: whole },
  { heading: "p50 ms", of: ({ p50 }) => p50, text: digits },
  { heading: "p99 ms", of: ({ p99 }) => p99, text: digits },
  { heading: "p99.9 ms", of: ({ p999 }) => p999, text: digits },
  { heading: "bytes", of: ({ bytes }) => bytes, text: whole },
  { heading: "scripts", of: ({ scripts }) => scripts, text: digits },
  { heading: "commands", of: ({ commands }) => commands, text: digits },
  { heading: "late ms", of: ({ late }) => late, text: digits },
  { heading: "GC", of: ({ garbage }) => garbage, text: shareInTenths },
  { heading: "at rest", of: ({ atRest }) => atRest, text: shareInTenths },
  { heading: "MiB", of: ({ memory }) => memory, text: whole },
  { heading: "server", of: ({ serverShare }) => serverShare, text: percent },
  { heading: "load", of: ({ loadShare }) => loadShare, text: percent },
  { heading: "others", of: ({ otherShare }) => otherShare, text: percent },
];

/** Headings, and a line for each row. */
function linesOf({ axis = "", rows }: Result): string[][] {
  const sound = rows.filter(({ failure }) => failure === undefined);
  const used = columns(axis).filter(({ of }) => sound.some((row) => of(row, sound) !== undefined));
  const cell = (row: Row, { of, text }: Column): string => {
    const value = of(row, sound);
    return value === undefined ? "–" : text(value);
  };
  const line = (row: Row): string[] => {
    if (row.failure === undefined) return used.map((column) => cell(row, column));
    return row.size === undefined ? ["FAILED"] : [grouped(row.size), "FAILED"];
  };
  const marked = (row: Row): string =>
    `${row.server}${isLimited(row) ? " *" : ""}${isDisturbed(row) ? " ~" : ""}`;
  return [["", ...used.map(({ heading }) => heading)], ...rows.map((row) => [marked(row), ...line(row)])];
}

function aligned(lines: readonly string[][]): string {
  const widths = lines[0]!.map((_, column) => Math.max(...lines.map((line) => line[column]?.length ?? 0)));
  const pad = (cell: string, column: number): string =>
    column === 0 ? cell.padEnd(widths[0]!) : cell.padStart(widths[column] ?? 0);
  return lines.map((line) => line.map(pad).join("  ")).join("\n");
}

function remarks(work: Scenario | Series, { rows }: Result): string[] {
  const notes = rows.flatMap(({ server, note }) => (note ? [`${server.split(" ")[0]}: ${note}`] : []));
  const failures = rows.flatMap(({ server, failure }) => (failure ? [`!! ${server}: ${failure}`] : []));
  return [
    ...new Set(failures),
    ...(rows.some(isLimited)
      ? ["* the load was the limit, not the server: its cost holds, its rate and latency do not"]
      : []),
    ...(rows.some(isDisturbed)
      ? ["~ something else ran on this machine: measure again when it is quiet"]
      : []),
    ...new Set(notes),
    ...goalOf(work, rows),
  ];
}

const headline = ({ title, unit }: Result): string => `${title}; cost in ${unit}`;

/** For a terminal. */
export const textTable = (work: Scenario | Series, result: Result): string =>
  [`\n${result.scenario}: ${headline(result)}`, aligned(linesOf(result)), ...remarks(work, result)].join(
    "\n",
  );

/** For a page. */
export function markdownTable(work: Scenario | Series, result: Result): string {
  const [headings, ...lines] = linesOf(result) as [string[], ...string[][]];
  const row = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  return [
    `### ${result.scenario}\n\n${headline(result)}\n`,
    row(headings),
    row(headings.map((_, column) => (column === 0 ? "---" : "--:"))),
    ...lines.map(row),
    "",
    ...remarks(work, result).map((remark) => `- ${remark}`),
  ].join("\n");
}
