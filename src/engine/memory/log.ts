import type { Entry, EntryKind, Position, Reading, TopicBounds } from "../contract.ts";
import { Ring } from "./ring.ts";

interface Kept {
  readonly entry: Entry;
  readonly at: number;
  readonly bytes: number;
}

/** Entries of one kind, oldest first, with what bounds them. */
class Shelf {
  readonly kept = new Ring<Kept>();
  /** Of the last entry forgotten: nothing at or before it is here. */
  offset = 0;
  count = 0;
  #bytes = 0;
  readonly #maxEntries: number;
  readonly #maxBytes: number;
  readonly #maxAge: number;

  constructor(maxEntries: number, maxBytes: number, maxAge: number) {
    this.#maxEntries = maxEntries;
    this.#maxBytes = maxBytes;
    this.#maxAge = maxAge;
  }

  push(kept: Kept): void {
    this.kept.push(kept);
    this.#bytes += kept.bytes;
    while (this.kept.length > this.#maxEntries || (this.#bytes > this.#maxBytes && this.kept.length > 1)) {
      this.#forget();
    }
  }

  expire(now: number): void {
    while (this.kept.length > 0 && now - this.kept.at(0).at >= this.#maxAge) this.#forget();
  }

  #forget(): void {
    const { entry, bytes } = this.kept.shift();
    this.#bytes -= bytes;
    this.offset = entry.offset;
    this.count = entry.count;
  }
}

/** One topic's log: two bounded shelves under one offset counter. The counter outlives what it counted. */
export class Log {
  readonly epoch: string;
  #offset = 0;
  #count = 0;
  readonly #bounds: TopicBounds;
  // Many topics never carry the one or the other.
  #messages: Shelf | null = null;
  #announcements: Shelf | null = null;

  constructor(epoch: string, bounds: TopicBounds) {
    this.epoch = epoch;
    this.#bounds = bounds;
  }

  get head(): Position {
    return { epoch: this.epoch, offset: this.#offset, count: this.#count };
  }

  append(kind: EntryKind, from: string | null, payload: string, now: number): Entry {
    this.#offset += 1;
    if (kind === "message") this.#count += 1;
    const entry: Entry = { offset: this.#offset, count: this.#count, kind, from, payload };
    const shelf = this.#shelf(kind);
    shelf.expire(now);
    shelf.push({ entry, at: now, bytes: Buffer.byteLength(payload) });
    return entry;
  }

  read(after: Position, limit: number, now: number): Reading {
    this.expire(now);
    const head = this.head;
    const { from, missed } = this.#begin(after, head);
    return { epoch: this.epoch, head, entries: this.#collect(from.offset, limit), from, missed };
  }

  /** Forgets what is too old. True when nothing is left. */
  expire(now: number): boolean {
    this.#messages?.expire(now);
    this.#announcements?.expire(now);
    return !this.#messages?.kept.length && !this.#announcements?.kept.length;
  }

  #begin(after: Position, head: Position): { from: Position; missed: number | null } {
    const base = this.#base();
    if (after.epoch !== this.epoch) return { from: base, missed: null };
    if (after.offset > head.offset) return { from: head, missed: null };
    if (after.offset >= base.offset) return { from: after, missed: 0 };
    const missed = base.count - after.count;
    // The position comes from outside: it cannot lack no message, nor more than there were entries.
    const possible = missed >= 1 && missed <= base.offset - after.offset;
    return { from: base, missed: possible ? missed : null };
  }

  /** The last forgotten message; forgotten announcements are nobody's loss. */
  #base(): Position {
    return { epoch: this.epoch, offset: this.#messages?.offset ?? 0, count: this.#messages?.count ?? 0 };
  }

  #collect(after: number, limit: number): Entry[] {
    const messages = this.#messages?.kept;
    const announcements = this.#announcements?.kept;
    const later = (kept: Kept): boolean => kept.entry.offset > after;
    let m = messages?.search(later) ?? 0;
    let a = announcements?.search(later) ?? 0;
    const entries: Entry[] = [];
    while (entries.length < limit) {
      const message = messages && m < messages.length ? messages.at(m).entry : null;
      const announcement = announcements && a < announcements.length ? announcements.at(a).entry : null;
      if (message && (announcement === null || message.offset < announcement.offset)) {
        entries.push(message);
        m += 1;
      } else if (announcement) {
        entries.push(announcement);
        a += 1;
      } else break;
    }
    return entries;
  }

  #shelf(kind: EntryKind): Shelf {
    const { maxMessages, maxBytes, maxAge } = this.#bounds;
    if (kind === "message") {
      this.#messages ??= new Shelf(maxMessages, maxBytes, maxAge);
      return this.#messages;
    }
    this.#announcements ??= new Shelf(Math.ceil(maxMessages / 4), Math.ceil(maxBytes / 4), maxAge);
    return this.#announcements;
  }
}
