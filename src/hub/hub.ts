import type { Engine, Entry, Position, Reading } from "../engine/contract.ts";
import { EngineFailure } from "../engine/contract.ts";
import type { Clock, Log } from "../ports.ts";
import { Cursor, type Found, type Reader } from "./cursor.ts";
import { Replica, type ReplicaBounds } from "./replica.ts";

/** Entries fetched at a time. */
const CHUNK = 256;
/** How long a topic without readers stays watched: pollers come back. Milliseconds. */
const LINGER = 30_000;
/** Before a failed reading is tried again. Milliseconds. */
const RETRY = 250;

/** A node's fan-out: the topics somebody here reads, kept in step with the engine. */
export class Hub {
  readonly #engine: Engine;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #bounds: ReplicaBounds;
  readonly #replicas = new Map<string, Replica>();
  readonly #syncing = new Set<Replica>();
  readonly #again = new Set<Replica>();
  readonly #idleSince = new Map<Replica, number>();
  /** Replicas with more than their share, and how far those who keep up have read them when they are trimmed. */
  readonly #full = new Map<Replica, Position>();
  #stopped = false;
  /** Gaps that readers were told of since the start. */
  gaps = 0;

  /** `bounds`: those of the engine's logs. */
  constructor(engine: Engine, clock: Clock, log: Log, bounds: ReplicaBounds) {
    this.#engine = engine;
    this.#clock = clock;
    this.#log = log;
    this.#bounds = bounds;
  }

  /** Reads a topic from `position` (never before `start`). Wakes the reader when there is something. */
  open(topic: string, reader: Reader, start: Position, position: Position): Cursor {
    let replica = this.#replicas.get(topic);
    if (replica === undefined) {
      replica = new Replica(topic, this.#bounds);
      this.#replicas.set(topic, replica);
      this.#begin(replica);
    }
    const cursor = new Cursor(replica, reader, start, start);
    cursor.seek(position);
    replica.followers.add(cursor);
    this.#idleSince.delete(replica);
    return cursor;
  }

  close(cursor: Cursor): void {
    const { replica } = cursor;
    replica.followers.delete(cursor);
    if (replica.followers.size === 0 && this.#replicas.get(replica.topic) === replica) {
      this.#idleSince.set(replica, this.#clock.monotonic());
    }
  }

  /** Fetches what the window no longer has; the reader is woken when it is there. */
  fetch(cursor: Cursor): void {
    if (cursor.fetching || this.#stopped) return;
    cursor.fetching = true;
    const { replica } = cursor;
    if (replica.head === null) {
      // The first reading is under way and wakes every cursor.
      cursor.fetching = false;
      return;
    }
    const { until } = cursor;
    if (
      until?.epoch === replica.head.epoch &&
      replica.covers(cursor.position) &&
      replica.head.offset < until.offset
    ) {
      cursor.fetching = false;
      this.#sync(replica);
      return;
    }
    const asked = cursor.position;
    this.#engine.read(replica.topic, asked, CHUNK).then(
      (reading) => {
        cursor.fetching = false;
        cursor.astray = false;
        if (!replica.followers.has(cursor)) return;
        if (cursor.position === asked) {
          const all = found(reading, asked);
          // Nothing but forgotten announcements up to the head: there is nothing to tell, only to go on from.
          if (all.length === 0) cursor.seek(reading.head);
          else cursor.fill(all);
          const { head } = replica;
          if (reading.entries.length < CHUNK) this.#adopt(replica, asked, reading);
          if (replica.head !== head) this.#wake(replica);
          // It has heard, elsewhere or by entering, what has not come here yet: all that is behind is the replica.
          if (all.length === 0 && precedes(replica.head, cursor.position)) {
            this.#sync(replica);
            return;
          }
        }
        cursor.notify();
      },
      (failure: unknown) => {
        this.#note(failure, replica.topic);
        this.#clock.after(RETRY, () => {
          cursor.fetching = false;
          if (replica.followers.has(cursor)) cursor.notify();
        });
      },
    );
  }

  /** New entries of a watched topic, from the engine's fast path. */
  entries(topic: string, epoch: string, entries: readonly Entry[]): void {
    const replica = this.#replicas.get(topic);
    if (replica === undefined) return;
    const before = replica.head;
    if (!replica.extend(epoch, entries)) this.#sync(replica);
    if (replica.head !== before) this.#wake(replica);
  }

  /** Reads every topic again: the fast path may have lost something. */
  doubt(): void {
    for (const replica of this.#replicas.values()) {
      if (this.#idleSince.has(replica)) this.#drop(replica);
      else this.#begin(replica);
    }
  }

  /** Forgets topics that have been without readers for a while. */
  sweep(): void {
    const now = this.#clock.monotonic();
    for (const [replica, since] of this.#idleSince) if (now - since >= LINGER) this.#drop(replica);
  }

  get topics(): number {
    return this.#replicas.size;
  }

  stop(): void {
    this.#stopped = true;
    this.#replicas.clear();
    this.#idleSince.clear();
  }

  #drop(replica: Replica): void {
    this.#idleSince.delete(replica);
    this.#replicas.delete(replica.topic);
    this.#engine.unwatch(replica.topic).catch((failure: unknown) => this.#note(failure, replica.topic));
  }

  #begin(replica: Replica): void {
    this.#engine.watch(replica.topic).then(
      () => this.#sync(replica),
      (failure: unknown) => {
        this.#note(failure, replica.topic);
        this.#clock.after(RETRY, () => {
          if (this.#live(replica)) this.#begin(replica);
        });
      },
    );
  }

  /** Reads on from the head until nothing is missing. One at a time for each topic. */
  #sync(replica: Replica): void {
    if (this.#syncing.has(replica)) {
      this.#again.add(replica);
      return;
    }
    this.#syncing.add(replica);
    const { head } = replica;
    const reading =
      head === null
        ? this.#engine.position(replica.topic).then((position) => replica.restart(position))
        : this.#engine.read(replica.topic, head, CHUNK).then((read) => {
            this.#adopt(replica, head, read);
            if (read.entries.length === CHUNK) this.#again.add(replica);
          });
    reading.then(
      () => {
        this.#syncing.delete(replica);
        if (!this.#live(replica)) return;
        this.#wake(replica);
        if (this.#again.delete(replica)) this.#sync(replica);
      },
      (failure: unknown) => {
        this.#note(failure, replica.topic);
        this.#clock.after(RETRY, () => {
          this.#syncing.delete(replica);
          if (this.#live(replica)) this.#sync(replica);
        });
      },
    );
  }

  /** Moves a replica on to what was read. Only a tail without holes is kept: forgotten announcements leave some. */
  #adopt(replica: Replica, after: Position, reading: Reading): void {
    const { head } = replica;
    const { epoch, entries } = reading;
    const last = entries.at(-1);
    if (last === undefined) {
      // Nothing is left of what came after the head.
      const passed = head !== null && after.offset <= head.offset && head.offset < reading.head.offset;
      if (head === null || head.epoch !== epoch || passed) replica.restart(reading.head);
      return;
    }
    if (head !== null && head.epoch === epoch && last.offset <= head.offset) return;
    let first = entries.length - 1;
    while (first > 0 && entries[first - 1]!.offset + 1 === entries[first]!.offset) first -= 1;
    const tail = entries.slice(first);
    const { offset, count, kind } = tail[0]!;
    if (head === null || head.epoch !== epoch || head.offset < offset - 1) {
      replica.restart({ epoch, offset: offset - 1, count: kind === "message" ? count - 1 : count });
    }
    replica.extend(epoch, tail);
  }

  #live(replica: Replica): boolean {
    return !this.#stopped && this.#replicas.get(replica.topic) === replica;
  }

  #wake(replica: Replica): void {
    for (const follower of replica.followers) follower.notify();
    this.#trimLater(replica);
  }

  /** After whoever was woken has read at the end of this turn: who keeps up is never told of a gap by a burst. */
  #trimLater(replica: Replica): void {
    if (!replica.full || replica.head === null || this.#full.has(replica)) return;
    if (this.#full.size === 0) this.#clock.defer(() => this.#trim());
    this.#full.set(replica, replica.head);
  }

  #trim(): void {
    const full = [...this.#full];
    this.#full.clear();
    for (const [replica, upTo] of full) {
      replica.trim(upTo);
      // More has come since.
      this.#trimLater(replica);
    }
  }

  #note(failure: unknown, topic: string): void {
    const outcome = failure instanceof EngineFailure ? failure.outcome : "error";
    this.#log.warn({ topic, outcome, err: failure }, "a topic could not be read; it is tried again");
  }
}

function precedes(head: Position | null, position: Position): boolean {
  return head !== null && head.epoch === position.epoch && head.offset < position.offset;
}

function found(reading: Reading, asked: Position): Found[] {
  const { epoch, from, missed } = reading;
  const all: Found[] = [];
  if (missed !== 0 && (from.epoch !== asked.epoch || from.offset !== asked.offset)) {
    all.push({ kind: "gap", missed, position: from });
  }
  for (const entry of reading.entries) {
    all.push({ kind: "entry", entry, position: { epoch, offset: entry.offset, count: entry.count } });
  }
  return all;
}
