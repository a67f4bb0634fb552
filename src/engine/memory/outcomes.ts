import type { Position } from "../contract.ts";

/** Outcomes remembered of each publisher and topic, of numbers and of keys alike. */
export const OUTCOMES = 256;

/** A key is a client's own; one that turns up again after this time (milliseconds) is taken for a new one. */
export const KEY_MEMORY = 10 * 60_000;

interface Spot {
  readonly offset: number;
  readonly count: number;
}

/** Why something under a key was not stored. */
export type Refusal = "not_member" | "not_held";

interface Keyed {
  readonly became: Spot | Refusal;
  readonly at: number;
}

/** What became of a publisher's latest appends. */
export class Outcomes {
  /** Highest number stored. */
  last = 0;
  /** By `n % OUTCOMES`; a slot counts only while `n` is among the last ones. */
  #numbered: Spot[] | null = null;
  /** Lowest number whose outcome was recorded here: below it (or after a `raise`) only the number is known. */
  #since = 1;
  #keyed: Map<string, Keyed> | null = null;

  /** Somebody knows of a higher number (the store that had stored it was lost). */
  raise(last: number): void {
    if (last <= this.last) return;
    this.last = last;
    this.#since = last + 1;
    this.#numbered = null;
  }

  /** What is left of it where the log begins anew: how far the numbers are. */
  anew(): Outcomes {
    const outcomes = new Outcomes();
    outcomes.raise(this.last);
    return outcomes;
  }

  stored(n: number | undefined, key: string | undefined, position: Position, now: number): void {
    const { offset, count } = position;
    if (n !== undefined) {
      this.last = n;
      this.#numbered ??= [];
      this.#numbered[n % OUTCOMES] = { offset, count };
    }
    if (key !== undefined) this.#remember(key, { became: { offset, count }, at: now });
  }

  refused(key: string | undefined, refusal: Refusal, now: number): void {
    if (key !== undefined) this.#remember(key, { became: refusal, at: now });
  }

  /** What became of it then, null for something new, and the head where only the fact is remembered. */
  recall(
    n: number | undefined,
    key: string | undefined,
    head: Position,
    now: number,
  ): Position | Refusal | null {
    if (n !== undefined && n <= this.last) {
      const known = n > this.last - OUTCOMES && n >= this.#since ? this.#numbered?.[n % OUTCOMES] : undefined;
      return known ? { epoch: head.epoch, ...known } : head;
    }
    const known = key === undefined ? undefined : this.#keyed?.get(key);
    if (!known || now - known.at >= KEY_MEMORY) return null;
    const { became } = known;
    return typeof became === "string" ? became : { epoch: head.epoch, ...became };
  }

  #remember(key: string, keyed: Keyed): void {
    this.#keyed ??= new Map();
    this.#keyed.delete(key);
    // A Map keeps the order of insertion: the first key is the oldest.
    if (this.#keyed.size >= OUTCOMES) {
      for (const oldest of this.#keyed.keys()) {
        this.#keyed.delete(oldest);
        break;
      }
    }
    this.#keyed.set(key, keyed);
  }
}
