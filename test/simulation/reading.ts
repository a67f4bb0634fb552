/** What a client heard of one topic, held against the topic's log. */

export interface LogEntry {
  readonly offset: number;
  readonly message: boolean;
  readonly own: boolean;
  readonly about: string;
}

/** Offsets after `from` up to `to`. */
export interface Stretch {
  readonly from: number;
  readonly to: number;
}

export type Heard =
  | { readonly offset: number; readonly about: string }
  /** null: nobody can know. */
  | { readonly missed: number | null };

export interface Reading {
  readonly log: readonly LogEntry[];
  readonly heard: readonly Heard[];
  /** What certainly was to be heard, and what may have been. */
  readonly must: readonly Stretch[];
  readonly may: readonly Stretch[];
  /** Heard up to here, at least; beyond nobody was there to hear. */
  readonly until: number;
  /** Comings and goings are all kept. */
  readonly announcements: boolean;
  /** Where the store lost the log: what came before is at lower offsets, what came after at higher ones. */
  readonly losses: readonly number[];
  /** The client may have been given another connection, which says so by a gap of unknown size. */
  readonly rebuilds: boolean;
}

const within = (offset: number, stretches: readonly Stretch[]): boolean =>
  stretches.some(({ from, to }) => offset > from && offset <= to);

/** It was to be heard before that place and after it. */
const throughout = (offset: number, stretches: readonly Stretch[]): boolean =>
  stretches.some(({ from, to }) => offset > from && offset < to);

/** What is wrong with it. */
export function misread(reading: Reading): string[] {
  const wrong: string[] = [];
  const { heard, may, log } = reading;
  const own = new Set(log.filter((entry) => entry.own).map((entry) => entry.offset));
  let at = -1;
  let told: (number | null)[] = [];
  for (const item of heard) {
    if ("missed" in item) {
      told.push(item.missed);
      continue;
    }
    const { offset, about } = item;
    if (offset <= at) wrong.push(`heard ${about} (${offset}) after ${at}: again, or out of order`);
    if (own.has(offset)) wrong.push(`heard its own ${about} (${offset})`);
    else if (!within(offset, may)) wrong.push(`heard ${about} (${offset}), which was not for it`);
    if (offset > at) wrong.push(...hole(reading, at, offset - 1, told));
    at = Math.max(at, offset);
    told = [];
  }
  wrong.push(...hole(reading, at, reading.until, told));
  return wrong;
}

/** Between two things that were heard: what is missing must have been told, and told right. */
function hole(
  { log, must, may, announcements, losses, rebuilds }: Reading,
  after: number,
  upTo: number,
  told: readonly (number | null)[],
): string[] {
  const between = log.filter(({ offset }) => offset > after && offset <= upTo);
  const missing = between.filter((entry) => !entry.own && within(entry.offset, must));
  const messages = missing.filter((entry) => entry.message);
  const wrong: string[] = [];
  const unknown = told.filter((one) => one === null).length;
  const untold = losses.find((offset) => offset > after && offset <= upTo && throughout(offset, must));
  if (unknown === 0 && untold !== undefined && !rebuilds)
    wrong.push(`was not told that the store lost the log (${untold})`);
  if (told.length === 0) {
    const lost = announcements ? missing : messages;
    return [...wrong, ...lost.map(({ offset, about }) => `never heard ${about} (${offset})`)];
  }
  if (unknown > 0) {
    if (rebuilds) return [];
    const lost = losses.filter((offset) => offset > after && offset <= upTo);
    if (unknown > lost.length) wrong.push(`was told of ${unknown} gaps of unknown size after ${after}`);
    // What was stored after the loss is there to be heard.
    const since = missing.filter(({ offset }) => offset > (lost.at(-1) ?? after));
    return [...wrong, ...since.map(({ offset, about }) => `never heard ${about} (${offset})`)];
  }
  const sum = told.reduce<number>((all, one) => all + (one ?? 0), 0);
  const possible = between.filter((entry) => entry.message && (entry.own || within(entry.offset, may)));
  if (told.some((one) => one !== null && one < 1)) wrong.push(`was told of a gap of nothing after ${after}`);
  if (sum < messages.length || sum > possible.length) {
    wrong.push(
      `was told that ${told.join(" + ")} are missing after ${after}: ${messages.length} to ${possible.length} are`,
    );
  }
  return wrong;
}
