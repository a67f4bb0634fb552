import type { Entry, Position, TopicBounds } from "../engine/contract.ts";

/** Announcements kept beside the messages, at most. */
const ANNOUNCEMENTS = 1024;
/** Places of forgotten entries before the rest moves up. */
const SLACK = 1024;

/** Of a topic's log a replica keeps no more messages than the engine does. */
export type ReplicaBounds = Pick<TopicBounds, "maxMessages" | "maxBytes">;

/** Whoever reads a replica. */
export interface Follower {
  /** There may be something to read. */
  notify(): void;
}

/** Entries after one offset up to the head, encoded once; `from` are their senders, who get it without their own. */
export interface Shared {
  readonly after: number;
  readonly upTo: Position;
  readonly from: ReadonlySet<string>;
  readonly texts: readonly string[];
}

/**
 * What this node knows of one topic: its recent entries, without a hole, up to `head`.
 * `head` is null until the first reading.
 */
export class Replica {
  readonly topic: string;
  readonly followers = new Set<Follower>();
  head: Position | null = null;
  /** The encoding that readers at the same place share; replaced by the next one that differs. */
  shared: Shared | null = null;
  readonly #bounds: ReplicaBounds;
  /** Before `#first` they are forgotten. */
  #entries: (Entry | undefined)[] = [];
  #first = 0;
  #messages = 0;
  #bytes = 0;

  constructor(topic: string, bounds: ReplicaBounds) {
    this.topic = topic;
    this.#bounds = bounds;
  }

  /** Takes what follows the head without a hole; false when something is missing before `entries`. */
  extend(epoch: string, entries: readonly Entry[]): boolean {
    const head = this.head;
    if (head === null || head.epoch !== epoch) return false;
    let offset = head.offset;
    let count = head.count;
    for (const entry of entries) {
      if (entry.offset <= offset) continue;
      if (entry.offset !== offset + 1) {
        this.head = { epoch, offset, count };
        return false;
      }
      this.#push(entry);
      offset = entry.offset;
      count = entry.count;
    }
    if (offset !== head.offset) this.head = { epoch, offset, count };
    return true;
  }

  /** It has more than its share, until `trim`. */
  get full(): boolean {
    const { maxMessages, maxBytes } = this.#bounds;
    const announcements = this.#entries.length - this.#first - this.#messages;
    if (this.#messages > maxMessages || announcements > ANNOUNCEMENTS) return true;
    return this.#bytes > maxBytes && this.#messages > 1;
  }

  /**
   * Forgets the oldest entries that are too many, and none after `upTo`: whoever has not read them reads from the engine, which
   * tells what is missing.
   */
  trim(upTo: Position): void {
    if (this.head?.epoch !== upTo.epoch) return;
    while (this.full) {
      const entry = this.#entries[this.#first]!;
      if (entry.offset > upTo.offset) break;
      this.#entries[this.#first] = undefined;
      this.#first += 1;
      if (entry.kind !== "message") continue;
      this.#messages -= 1;
      this.#bytes -= Buffer.byteLength(entry.payload);
    }
    if (this.#first <= SLACK) return;
    this.#entries = this.#entries.slice(this.#first);
    this.#first = 0;
  }

  #push(entry: Entry): void {
    this.#entries.push(entry);
    if (entry.kind !== "message") return;
    this.#messages += 1;
    this.#bytes += Buffer.byteLength(entry.payload);
  }

  /** Starts again at `head`, with nothing known before it. */
  restart(head: Position): void {
    this.head = head;
    this.#entries = [];
    this.#first = this.#messages = this.#bytes = 0;
    this.shared = null;
  }

  /** Whether everything after `position` is in the window. */
  covers(position: Position): boolean {
    const head = this.head;
    if (head === null || head.epoch !== position.epoch) return false;
    return (
      position.offset <= head.offset && position.offset >= head.offset - (this.#entries.length - this.#first)
    );
  }

  /** Index of the first entry after `position`; only for a covered one. */
  indexAfter(position: Position): number {
    return this.#entries.length - (this.head!.offset - position.offset);
  }

  at(index: number): Entry | undefined {
    return this.#entries[index];
  }
}
