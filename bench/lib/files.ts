import { mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { svgOf } from "./plot.ts";
import type { Result, Row } from "./report.ts";

const RESULTS = fileURLToPath(new URL("../results/", import.meta.url));
const PLOTS = fileURLToPath(new URL("../../docs/performance/", import.meta.url));

/** The file's name, without what follows the dot. */
export function writeResults(machine: string, results: readonly Result[], tables: readonly string[]): string {
  mkdirSync(RESULTS, { recursive: true });
  const at = new Date().toISOString();
  const file = `${RESULTS}${at.replaceAll(":", "-")}`;
  writeFileSync(`${file}.json`, `${JSON.stringify({ at, machine, results }, null, 2)}\n`);
  writeFileSync(`${file}.md`, `${machine}, ${at}\n\n${tables.join("\n\n")}\n`);
  return file;
}

/** A plot for each series in which nothing failed; their names. */
export function writePlots(results: readonly Result[]): string[] {
  mkdirSync(PLOTS, { recursive: true });
  return results.flatMap(({ scenario, title, unit, axis, rows }) => {
    if (axis === undefined || rows.length === 0 || rows.some(({ failure }) => failure !== undefined))
      return [];
    const servers = [...new Set(rows.map(({ server }) => server))];
    const pointsOf = (name: string) =>
      rows.filter(({ server }) => server === name).map(({ size, cost }: Row) => [size!, cost] as const);
    const lines = servers.map((name) => ({ name, points: pointsOf(name) }));
    const file = `${PLOTS}${scenario}.svg`;
    writeFileSync(file, svgOf({ title, xName: axis, yName: unit, lines }));
    return [file];
  });
}
