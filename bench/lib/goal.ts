import type { Scenario, Series } from "../scenarios/scenario.ts";
import { digits, grouped } from "./format.ts";
import type { Row } from "./report.ts";

/** What there is to say about what Actionwire is to keep to. */
export function goalOf(work: Scenario | Series, rows: readonly Row[]): string[] {
  const whole = rows.filter(({ failure }) => failure === undefined);
  return "flat" in work ? flatness(work, whole) : scenarioGoal(work, whole);
}

function scenarioGoal({ goal, unit }: Scenario, rows: readonly Row[]): string[] {
  const own = rows.find(({ server }) => server === "actionwire");
  if (!goal || !own) return [];
  if ("most" in goal) return [`goal: at most ${goal.most} ${unit}: ${verdict(own.cost, goal.most)}`];
  const other = rows.find(({ server }) => server === goal.peer);
  if (!other) return [];
  const bound = goal.times * other.cost;
  return [`goal: at most ${goal.times} × ${goal.peer} = ${digits(bound)}: ${verdict(own.cost, bound)}`];
}

/** Of every server, for what the machine does to all is nobody's fault. */
function flatness({ axis, flat }: Series, rows: readonly Row[]): string[] {
  const servers = [...new Set(rows.map(({ server }) => server))];
  const rises = servers.map((server) => {
    const own = rows.filter((row) => row.server === server);
    const cheapest = own.reduce((least, row) => (row.cost < least.cost ? row : least));
    const later = own.slice(own.indexOf(cheapest));
    const rise = Math.max(...later.map(({ cost }) => cost / cheapest.cost));
    return { server, rise, from: `${grouped(cheapest.size ?? 0)} ${axis}` };
  });
  const told = rises.map(({ server, rise, from }) => `${server} ${digits(rise)} (from ${from} on)`);
  const own = rises.find(({ server }) => server === "actionwire");
  return [
    `the cost rises to so many times the least: ${told.join(", ")}`,
    ...(own ? [`goal: at most ${flat}: ${verdict(own.rise, flat)}`] : []),
  ];
}

const verdict = (value: number, bound: number): string =>
  value <= bound ? "met" : `missed, ${digits(value / bound)} times as much`;
