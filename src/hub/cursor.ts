import type { Entry, Position } from "../engine/contract.ts";
import type { Follower, Replica } from "./replica.ts";

/** Who reads through a cursor; woken when there may be something to read. */
export interface Reader {
  wake(cursor: Cursor): void;
}

/** What a cursor finds: an entry, or that some are missing. */
export type Found =
  | { readonly kind: "entry"; readonly entry: Entry; readonly position: Position }
  | { readonly kind: "gap"; readonly missed: number | null; readonly position: Position };

/**
 * One session's place in one topic. Reading is synchronous and goes on until `null`; then either the end is
 * reached or `behind` is true and the hub is fetching what the window no longer has.
 */
export class Cursor implements Follower {
  readonly replica: Replica;
  readonly reader: Reader;
  /** Where the membership started. */
  readonly origin: Position;
  /** Nothing at or before it is read: where the membership started, or the log that took the place of that one. */
  start: Position;
  position: Position;
  /** Where the membership ended: nothing after it is read. */
  until: Position | null = null;
  /** Whether the hub has been asked to fetch; set and cleared by the hub. */
  fetching = false;
  /** It ends in another log than it is in, and nobody here knows yet which of the two is over. */
  astray = false;
  /** There may be something for its reader, who will look; set and cleared by the reader. */
  due = false;
  /** Is read only after a reply that waits; set and cleared by the reader. */
  blocked = false;
  /** Nothing of it is handed over until it is left; set by the reader. */
  held = false;
  #backlog: Found[] = [];
  #next = 0;

  constructor(replica: Replica, reader: Reader, start: Position, position: Position) {
    this.replica = replica;
    this.reader = reader;
    this.origin = start;
    this.start = start;
    this.position = position;
  }

  notify(): void {
    this.reader.wake(this);
  }

  get topic(): string {
    return this.replica.topic;
  }

  /** Goes on from another place (a client's word about what it has, or an answer that was not handed over). */
  seek(position: Position): void {
    const { start } = this;
    const to = position.epoch === start.epoch && position.offset < start.offset ? start : position;
    // What was fetched from here on is not fetched again.
    if (to.epoch === this.position.epoch && to.offset === this.position.offset) return;
    this.position = to;
    this.#backlog = [];
    this.#next = 0;
  }

  /** Everything owed up to `until` has been read, or the gap that its lost log left has been told. */
  get finished(): boolean {
    const { until, position } = this;
    if (until === null || this.astray) return false;
    if (position.epoch === until.epoch) return position.offset >= until.offset;
    const { head } = this.replica;
    return head !== null && head.epoch !== until.epoch && head.epoch === position.epoch;
  }

  /** There are fetched entries before what the window has. */
  get buffered(): boolean {
    return this.#next < this.#backlog.length;
  }

  /** There is something to read that is neither in the backlog nor in the window. */
  get behind(): boolean {
    if (this.buffered || this.finished) return false;
    if (this.astray) return true;
    const { head } = this.replica;
    if (head === null) return true;
    if (this.until !== null && head.offset < this.until.offset && head.epoch === this.until.epoch)
      return true;
    return !this.replica.covers(this.position);
  }

  next(): Found | null {
    for (;;) {
      if (this.finished || this.astray) return null;
      const found = this.#peek();
      if (found === null) return null;
      const { until } = this;
      if (until !== null && found.position.epoch === until.epoch && found.position.offset > until.offset) {
        const { epoch, count } = this.position;
        this.position = until;
        // What is missing goes on beyond the end: of that, this is for it.
        const missed = epoch === until.epoch ? until.count - count : null;
        return found.kind === "gap" && missed !== 0 ? { kind: "gap", missed, position: until } : null;
      }
      this.position = found.position;
      if (found.kind === "gap" && found.position.epoch !== this.start.epoch) this.start = found.position;
      const { start } = this;
      if (
        found.kind === "entry" &&
        found.position.epoch === start.epoch &&
        found.position.offset <= start.offset
      ) {
        continue;
      }
      return found;
    }
  }

  #peek(): Found | null {
    if (this.buffered) {
      const found = this.#backlog[this.#next]!;
      this.#next += 1;
      if (this.#next === this.#backlog.length) {
        this.#backlog = [];
        this.#next = 0;
      }
      return found;
    }
    const { replica, position } = this;
    if (!replica.covers(position)) return null;
    const entry = replica.at(replica.indexAfter(position));
    if (entry === undefined) return null;
    return {
      kind: "entry",
      entry,
      position: { epoch: position.epoch, offset: entry.offset, count: entry.count },
    };
  }

  /** What the hub fetched after `position`. */
  fill(found: Found[]): void {
    this.#backlog = found;
    this.#next = 0;
  }
}
