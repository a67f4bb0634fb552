import type { ConnectMessage } from "../bayeux/index.ts";
import type { Outbox, Packed } from "./outbox.ts";

/** A connect that came as a request. */
export interface Poll {
  readonly id?: ConnectMessage["id"] | undefined;
  /** How often it came. */
  copies: number;
  /** What its answer carried, while nobody knows whether it arrived. */
  replies: readonly Packed[];
  /** Ids of the connects before it: a copy of one of these is late, and its client has gone on. */
  readonly former: readonly ConnectMessage["id"][];
}

/** Connects remembered, to recognise a late copy of one. */
const FORMER = 4;

/**
 * What the connects of a session tell about the answers before them. Browsers repeat a request by themselves when its connection
 * breaks, some proxies as well.
 */
export class Polls {
  readonly #outbox: Outbox;
  /** The last one. */
  last: Poll | null = null;

  constructor(outbox: Outbox) {
    this.#outbox = outbox;
  }

  /** A copy of an earlier connect: nobody waits for its answer, and what it presents is no longer so. */
  isLate({ id }: ConnectMessage): boolean {
    return id !== undefined && (this.last?.former.includes(id) ?? false);
  }

  /**
   * The same connect again means that its answer may not have arrived, nor may any to a connect that came more than once;
   * another one, that it did.
   */
  hear({ id }: ConnectMessage): Poll {
    const { last } = this;
    const copy = last !== null && id !== undefined && last.id === id;
    if (last !== null && (copy || last.copies > 1)) {
      this.#outbox.again(last.replies);
      last.replies = [];
    }
    if (copy) {
      last.copies += 1;
      return last;
    }
    const former = [...(last?.former ?? []).slice(1 - FORMER), last?.id];
    this.last = { id, copies: 1, replies: [], former };
    return this.last;
  }

  /** A poll was answered, and another connect waits already: what that tells about the answer. */
  overtaken(poll: Poll, by: Poll | null, replies: readonly Packed[]): void {
    if (by === poll || poll.copies > 1) this.#outbox.again(replies);
  }
}
