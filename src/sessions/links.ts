import type { Clock } from "../ports.ts";
import type { Link } from "./gateway.ts";

/**
 * What leaves in one turn of the event loop on one persistent link leaves in one text: replies first, then what
 * the sessions on it were owed.
 */
export class Links {
  readonly #clock: Clock;
  readonly #pending = new Map<Link, string[]>();
  readonly #flushers = new Set<() => void>();
  /** What went out last, and joined: in a busy room it goes to the next member, too. */
  #texts: readonly string[] = [];
  #joined = "[]";
  #scheduled = false;
  /** Message texts queued since the start. */
  pushed = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Queues message texts for a persistent link. */
  push(link: Link, texts: readonly string[]): void {
    this.pushed += texts.length;
    const queued = this.#pending.get(link);
    if (queued === undefined) this.#pending.set(link, [...texts]);
    else for (const text of texts) queued.push(text);
    this.#schedule();
  }

  /** Runs `flush` at the end of this turn, once, however often it is asked for. */
  onFlush(flush: () => void): void {
    this.#flushers.add(flush);
    this.#schedule();
  }

  /** Sends what is queued for a link and ends it. */
  end(link: Link, code: number, reason: string): void {
    this.#send(link);
    link.close(code, reason);
  }

  /** Sends what is queued now and not at the end of the turn: the node is about to close its links. */
  flush(): void {
    const flushers = [...this.#flushers];
    this.#flushers.clear();
    for (const flush of flushers) flush();
    for (const link of [...this.#pending.keys()]) this.#send(link);
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
    if (!same(texts, this.#texts)) {
      this.#texts = texts;
      this.#joined = `[${texts.join(",")}]`;
    }
    return this.#joined;
  }
}

function same(some: readonly string[], others: readonly string[]): boolean {
  if (some.length !== others.length) return false;
  for (let at = 0; at < some.length; at += 1) if (some[at] !== others[at]) return false;
  return true;
}
