import type { Entry, Position } from "../engine/contract.ts";

/** Entries a node keeps of a topic that somebody here reads; older ones are read from the engine. */
const WINDOW = 1024;

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
  #entries: Entry[] = [];

  constructor(topic: string) {
    this.topic = topic;
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
      this.#entries.push(entry);
      offset = entry.offset;
      count = entry.count;
    }
    if (offset !== head.offset) this.head = { epoch, offset, count };
    if (this.#entries.length > 2 * WINDOW) this.#entries = this.#entries.slice(-WINDOW);
    return true;
  }

  /** Starts again at `head`, with nothing known before it. */
  restart(head: Position): void {
    this.head = head;
    this.#entries = [];
    this.shared = null;
  }

  /** Whether everything after `position` is in the window. */
  covers(position: Position): boolean {
    const head = this.head;
    if (head === null || head.epoch !== position.epoch) return false;
    return position.offset <= head.offset && position.offset >= head.offset - this.#entries.length;
  }

  /** Index of the first entry after `position`; only for a covered one. */
  indexAfter(position: Position): number {
    return this.#entries.length - (this.head!.offset - position.offset);
  }

  at(index: number): Entry | undefined {
    return this.#entries[index];
  }
}
