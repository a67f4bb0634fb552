import type { Sample } from "./round.ts";
import { median } from "./statistics.ts";

/** A server at some work, medians over its rounds. */
export interface Row extends Sample {
  readonly server: string;
  /** At which point of a series. */
  readonly size?: number;
  readonly note?: string;
  readonly rounds: readonly Sample[];
}

export interface Result {
  readonly scenario: string;
  readonly title: string;
  readonly unit: string;
  /** Of a series. */
  readonly axis?: string;
  readonly rows: readonly Row[];
}

/** What every sample has, and what only some have. */
const ALWAYS = ["cost", "memory", "serverShare", "loadShare", "otherShare"] as const;
const SOMETIMES = [
  "rate",
  "p50",
  "p99",
  "p999",
  "bytes",
  "late",
  "garbage",
  "connections",
  "atRest",
  "last",
  "scripts",
  "commands",
] as const;

type Of = { readonly server: string; readonly note: string | undefined; readonly size: number | undefined };

export function rowOf({ server, note, size }: Of, rounds: readonly Sample[]): Row {
  const middles = <Name extends keyof Sample>(names: readonly Name[]): Partial<Record<Name, number>> => {
    const all: Partial<Record<Name, number>> = {};
    for (const name of names) {
      const values = rounds.map((sample) => sample[name]).filter((value) => typeof value === "number");
      if (values.length > 0) all[name] = median(values);
    }
    return all;
  };
  const failure = rounds.find((sample) => sample.failure !== undefined)?.failure;
  return {
    server,
    ...(size === undefined ? {} : { size }),
    ...(middles(ALWAYS) as Record<(typeof ALWAYS)[number], number>),
    ...middles(SOMETIMES),
    ...(failure === undefined ? {} : { failure }),
    ...(note === undefined ? {} : { note }),
    rounds,
  };
}
