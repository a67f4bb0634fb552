import type { Scenario, Series } from "../scenarios/scenario.ts";
import { digits } from "./format.ts";
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
  return servers.flatMap((server) => {
    const own = rows.filter((row) => row.server === server);
    const [first] = own;
    const cheapest = own.reduce((least, row) => (row.cost < least.cost ? row : least));
    const dearest = own.reduce((most, row) => (row.cost > most.cost ? row : most));
    const later = own.filter(({ size = 0 }) => size > (cheapest.size ?? 0));
    const rise = Math.max(1, ...later.map(({ cost }) => cost / cheapest.cost));
    const most = dearest.cost / first!.cost;
    const lines = [
      `${server}: at most ${digits(most)} × the first; from the cheapest on (${cheapest.size} ${axis}) it rises to ${digits(rise)} ×`,
    ];
    if (server === "actionwire") lines.push(`goal: at most ${flat} × the first: ${verdict(most, flat)}`);
    return lines;
  });
}

const verdict = (value: number, bound: number): string =>
  value <= bound ? "met" : `missed, ${digits(value / bound)} times as much`;
