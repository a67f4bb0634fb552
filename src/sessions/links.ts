import type { Clock } from "../ports.ts";
import type { Link } from "./gateway.ts";

/** Hands over at the end of a turn. */
export interface Flusher {
  flush(): void;
}

/**
 * What leaves in one turn of the event loop on one persistent link leaves in one text: replies first, then what
 * the sessions on it were owed.
 */
export class Links {
  readonly #clock: Clock;
  /** A new one each time: what a table held that is filled and emptied over and over lives as long as the table. */
  #pending = new Map<Link, readonly string[]>();
  /** The lists among those that belong to one link alone: the others are shared, and never changed. */
  #own = new Set<readonly string[]>();
  #flushers = new Set<Flusher>();
  /** What went out last, and joined: in a busy room it goes to the next member, too. */
  #texts: readonly string[] = [];
  #joined = "[]";
  #scheduled = false;
  /** Message texts queued since the start. */
  pushed = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Queues message texts for a persistent link. The list is kept as it is: nobody may change it any more. */
  push(link: Link, texts: readonly string[]): void {
    this.pushed += texts.length;
    const queued = this.#pending.get(link);
    if (queued === undefined) this.#pending.set(link, texts);
    else if (this.#own.has(queued)) (queued as string[]).push(...texts);
    else {
      const own = [...queued, ...texts];
      this.#own.add(own);
      this.#pending.set(link, own);
    }
    this.#schedule();
  }

  /** Has it flushed at the end of this turn, once, however often it is asked for. */
  onFlush(flusher: Flusher): void {
    this.#flushers.add(flusher);
    this.#schedule();
  }

  /** Sends what is queued for a link and ends it. */
  end(link: Link, code: number, reason: string): void {
    this.#send(link);
    link.close(code, reason);
  }

  /** Sends what is queued now and not at the end of the turn: the node is about to close its links. */
  flush(): void {
    const flushers = this.#flushers;
    this.#flushers = new Set();
    for (const flusher of flushers) flusher.flush();
    for (const link of this.#pending.keys()) this.#send(link);
    this.#pending = new Map();
    if (this.#own.size > 0) this.#own = new Set();
  }

  forget(link: Link): void {
    this.#pending.delete(link);
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#clock.defer(() => {
      this.#scheduled = false;
      this.flush();
    });
  }

  #send(link: Link): void {
    const texts = this.#pending.get(link);
    if (texts === undefined) return;
    this.#pending.delete(link);
    link.send(this.#join(texts));
  }

  #join(texts: readonly string[]): string {
    if (texts === this.#texts) return this.#joined;
    if (!same(texts, this.#texts)) this.#joined = `[${texts.join(",")}]`;
    this.#texts = texts;
    return this.#joined;
  }
}

function same(some: readonly string[], others: readonly string[]): boolean {
  if (some.length !== others.length) return false;
  for (let at = 0; at < some.length; at += 1) if (some[at] !== others[at]) return false;
  return true;
}
