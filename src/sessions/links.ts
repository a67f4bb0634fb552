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
    link.send(texts.length === 1 ? `[${texts[0]}]` : `[${texts.join(",")}]`);
  }
}
