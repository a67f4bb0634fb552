import type { Position } from "../engine/contract.ts";
import { formatPosition } from "../engine/contract.ts";
import type { Cursor, Found, Reader } from "../hub/cursor.ts";
import type { Hub } from "../hub/hub.ts";
import { gapOf, LINE_PREFIX, type Moves, ourEntry, ourGap, ourReply, sharedAfter } from "./wording.ts";

/** A reply as it travels with a session. */
export interface Packed {
  /** JSON text. */
  readonly data: string;
  readonly moves: Moves | undefined;
}

interface Reply extends Packed {
  /** Wait until this topic, which was left, has been read to its end. */
  readonly after: Cursor | undefined;
  /** Is read only after this reply. */
  readonly before: Cursor | undefined;
}

/** What is handed over together. One of `commit` and `rollback` must be called. */
export interface Collected {
  readonly texts: readonly string[];
  /** What of it no log holds; for `again`. */
  readonly replies: readonly Packed[];
  commit(): void;
  rollback(): void;
}

/** Bytes (of text) handed over together, about; what is left follows. */
const BUDGET = 256 * 1024;

const NO_REPLIES: readonly Packed[] = [];
const NOTHING = (): void => {};

/** Everything owed to one session: cursors over its topics, and replies that no log holds. */
export class Outbox implements Reader {
  readonly #hub: Hub;
  readonly #ours: boolean;
  readonly #acknowledged: boolean;
  readonly #owner: { wake(): void };
  readonly #cursors = new Map<string, Cursor>();
  /**
   * Cursors that may have something to hand over: those that are marked so. No Set, since one that is filled and emptied all the
   * time allocates a table each time, and keeps the collector from what these hold.
   */
  #due: Cursor[] = [];
  #closing: Cursor[] = [];
  #replies: Reply[] = [];
  #unread = 0;
  #line: string | null = null;
  /** Whether an entry of a plain channel's topic is for this session; null when all are. */
  filter: ((topic: string, payload: string) => boolean) | null = null;

  /** `acknowledged`: what was handed over may be owed again. */
  constructor(hub: Hub, ours: boolean, acknowledged: boolean, owner: { wake(): void }) {
    this.#hub = hub;
    this.#ours = ours;
    this.#acknowledged = acknowledged;
    this.#owner = owner;
  }

  set line(id: string | null) {
    this.#line = id;
  }

  // Topics -----------------------------------------------------------------------------------------------

  has(topic: string): boolean {
    return this.#cursors.has(topic);
  }

  /** Of the log in which it is read now; undefined when it is not. */
  epochOf(topic: string): string | undefined {
    return this.#cursors.get(topic)?.position.epoch;
  }

  /** Where reading a topic began; undefined when it is not read. */
  startOf(topic: string): Position | undefined {
    return this.#cursors.get(topic)?.start;
  }

  open(topic: string, start: Position, position: Position = start): Cursor {
    const known = this.#cursors.get(topic);
    if (known) return known;
    const cursor = this.#hub.open(topic, this, start, position);
    this.#cursors.set(topic, cursor);
    this.wake(cursor);
    return cursor;
  }

  /** Hands nothing of a topic over until it is left, because it may have been left by now. */
  hold(topic: string): void {
    const cursor = this.#cursors.get(topic);
    if (cursor) cursor.held = true;
  }

  /** Stops reading a topic at `until`; what is owed up to there is still read. Undefined when it was not read. */
  leave(topic: string, until: Position | null): Cursor | undefined {
    const cursor = this.#cursors.get(topic);
    if (!cursor) return undefined;
    this.#cursors.delete(topic);
    cursor.due = false;
    cursor.until = until ?? cursor.position;
    cursor.astray = cursor.until.epoch !== cursor.position.epoch;
    this.#closing.push(cursor);
    this.#owner.wake();
    return cursor;
  }

  /** Whether the end of a topic that was left is still to be read. */
  isLeaving(topic: string): boolean {
    return this.#closing.some((cursor) => cursor.topic === topic);
  }

  /** Whether its client is still to be told that it left a topic. */
  owesLeave(topic: string): boolean {
    return this.#replies.some(({ moves }) => moves?.left === topic);
  }

  /** Topics of which what is owed is not all in this node's window any more, and how far they are read. */
  get behind(): readonly Cursor[] {
    return [...this.#cursors.values()].filter((cursor) => cursor.behind);
  }

  positions(): Record<string, string> {
    const all: Record<string, string> = {};
    for (const { topic, position } of this.#closing) all[topic] = formatPosition(position);
    for (const [topic, cursor] of this.#cursors) all[topic] = formatPosition(cursor.position);
    return all;
  }

  /** The client's word about what it has: reading goes on from there. */
  present(position: (topic: string) => Position | null): void {
    for (const cursor of this.#cursors.values()) cursor.seek(position(cursor.topic) ?? cursor.origin);
    // Says nothing of a room: it was told that it left it, or spoke before it knew it. What it has already, it drops.
    for (const cursor of this.#closing) cursor.seek(position(cursor.topic) ?? cursor.position);
    for (const cursor of [...this.#cursors.values(), ...this.#closing]) this.#mark(cursor);
  }

  // Replies ----------------------------------------------------------------------------------------------

  /** Queues what no log holds: a reply, the welcome, a goodbye. */
  push(
    data: object,
    order: { moves?: Moves | undefined; after?: Cursor | undefined; before?: Cursor | undefined } = {},
  ): void {
    this.pushText(JSON.stringify(data), order);
  }

  pushText(
    data: string,
    order: { moves?: Moves | undefined; after?: Cursor | undefined; before?: Cursor | undefined } = {},
  ): void {
    if (order.before) order.before.blocked = true;
    this.#unread += data.length;
    this.#replies.push({ data, moves: order.moves, after: order.after, before: order.before });
    this.#owner.wake();
  }

  /** Replies wait to be handed over. */
  get owes(): boolean {
    return this.#replies.length > 0;
  }

  /** How many characters of replies wait to be handed over. */
  get unread(): number {
    return this.#unread;
  }

  /** Takes the replies that are not handed over away, to be queued where the session goes. */
  takeReplies(): Packed[] {
    const replies = packed(this.#replies);
    this.#replies = [];
    this.#unread = 0;
    return replies;
  }

  /** Replies that were handed over did not arrive. What was read of topics is for positions to say. */
  again(replies: readonly Packed[]): void {
    this.#putBack(replies.map((reply) => ({ after: undefined, before: undefined, ...reply })));
  }

  // Handing over -----------------------------------------------------------------------------------------

  wake(cursor: Cursor): void {
    if (cursor.until === null) this.#mark(cursor);
    this.#owner.wake();
  }

  #mark(cursor: Cursor): void {
    if (cursor.due) return;
    cursor.due = true;
    this.#due.push(cursor);
  }

  get waiting(): boolean {
    return this.#replies.length > 0 || this.#closing.length > 0 || this.#due.some(({ due }) => due);
  }

  /** Everything that can be handed over now, in order; null when there is nothing. */
  collect(): Collected | null {
    const alike = this.#collectShared();
    if (alike !== null) return alike;
    const texts: string[] = [];
    const before: [Cursor, Position][] = [];
    const taken: Reply[] = [];
    let room = BUDGET;

    const drain = (cursor: Cursor): void => {
      const { position } = cursor;
      room = this.#read(cursor, texts, room);
      if (cursor.position !== position) before.push([cursor, position]);
      if (room > 0 && cursor.behind) this.#hub.fetch(cursor);
    };

    for (const cursor of this.#closing) if (room > 0) drain(cursor);
    while (room > 0) {
      const reply = this.#replies[0];
      if (reply === undefined || this.#owes(reply)) break;
      this.#replies.shift();
      this.#unread -= reply.data.length;
      taken.push(reply);
      const text = this.#frame(reply.data, reply.moves);
      texts.push(text);
      room -= text.length;
      if (reply.before) {
        reply.before.blocked = false;
        this.#mark(reply.before);
      }
    }
    const due = this.#due;
    this.#due = [];
    for (const cursor of due) {
      if (!cursor.due) continue;
      if (room > 0 && !cursor.blocked && !cursor.held) {
        drain(cursor);
        cursor.due = room <= 0;
      }
      if (cursor.due) this.#due.push(cursor);
    }
    if (texts.length === 0) {
      this.#dropFinished();
      return null;
    }
    return {
      texts,
      replies: taken,
      commit: () => {
        this.#dropFinished();
        if (room <= 0) this.#owner.wake();
      },
      rollback: () => {
        this.#reread(before);
        this.#putBack(taken);
      },
    };
  }

  /** The usual case: only messages of one topic, which others get alike. */
  #collectShared(): Collected | null {
    const [cursor] = this.#due;
    if (cursor === undefined || this.#due.length > 1 || this.#replies.length > 0 || this.#closing.length > 0)
      return null;
    if (!cursor.due || cursor.blocked || cursor.held) return null;
    const { position } = cursor;
    const texts = this.#readShared(cursor);
    if (texts === null || texts.length === 0) return null;
    cursor.due = false;
    this.#due.pop();
    return {
      texts,
      replies: NO_REPLIES,
      commit: NOTHING,
      rollback: () => this.#reread([[cursor, position]]),
    };
  }

  /** What was read from these positions on was not handed over. */
  #reread(before: readonly (readonly [Cursor, Position])[]): void {
    for (const [cursor, position] of before) {
      cursor.seek(position);
      if (cursor.until === null) this.#mark(cursor);
    }
    this.#owner.wake();
  }

  #putBack(replies: readonly Reply[]): void {
    for (const { before } of replies) if (before) before.blocked = true;
    this.#replies = [...replies, ...this.#replies];
    this.#unread += lengthOf(replies);
    this.#owner.wake();
  }

  /** Stops reading everything. */
  close(): void {
    for (const cursor of [...this.#cursors.values(), ...this.#closing]) this.#hub.close(cursor);
    this.#cursors.clear();
    this.#closing = [];
    this.#due = [];
  }

  /** A reply to a leave comes after what was owed up to there, also when the session has moved in between. */
  #owes({ after, moves }: Reply): boolean {
    if (after && !after.finished) return true;
    const left = moves?.left;
    return left !== undefined && this.#closing.some((cursor) => cursor.topic === left && !cursor.finished);
  }

  /** What was left is not owed again. */
  forget(): void {
    this.#dropFinished(true);
  }

  #dropFinished(surely = !this.#acknowledged): void {
    if (this.#closing.length === 0 || !surely) return;
    const open: Cursor[] = [];
    for (const cursor of this.#closing) {
      if (cursor.finished) this.#hub.close(cursor);
      else open.push(cursor);
    }
    this.#closing = open;
  }

  #read(cursor: Cursor, texts: string[], room: number): number {
    const shared = this.#readShared(cursor);
    if (shared !== null) {
      for (const text of shared) texts.push(text);
      return room;
    }
    for (;;) {
      const found = cursor.next();
      if (found === null) return room;
      const text = this.#encode(cursor.topic, found);
      if (text === null) continue;
      texts.push(text);
      room -= text.length;
      if (room <= 0) return room;
    }
  }

  /** What all of our clients at the same place get alike is encoded once; null where this one gets something else. */
  #readShared(cursor: Cursor): readonly string[] | null {
    if (!this.#ours || this.filter !== null || cursor.until !== null) return null;
    const { replica, position } = cursor;
    const head = replica.head;
    if (head === null || cursor.buffered || position.offset < cursor.start.offset) return null;
    if (position.epoch !== cursor.start.epoch || !replica.covers(position)) return null;
    const shared = sharedAfter(replica, head, position, BUDGET);
    if (shared === null) return null;
    if (this.#line !== null && shared.from.has(this.#line)) return null;
    cursor.position = head;
    return shared.texts;
  }

  #encode(topic: string, found: Found): string | null {
    const { position } = found;
    if (found.kind === "gap") {
      this.#hub.gaps += 1;
      const gap = gapOf(topic, found.missed);
      return this.#ours ? ourGap(topic, gap, position) : this.#frame(gap, undefined);
    }
    const { entry } = found;
    if (entry.from !== null && entry.from === this.#line) return null;
    if (this.filter !== null && topic.startsWith("channel:") && !this.filter(topic, entry.payload))
      return null;
    if (this.#ours) return ourEntry(topic, entry, position);
    return topic.startsWith("channel:") ? entry.payload : this.#frame(entry.payload, undefined);
  }

  #frame(data: string, moves: Moves | undefined): string {
    return this.#ours ? ourReply(data, moves) : `{"channel":"${LINE_PREFIX}${this.#line}","data":${data}}`;
  }
}

/** Characters. */
export const lengthOf = (replies: readonly Packed[]): number =>
  replies.reduce((all, { data }) => all + data.length, 0);

/** Replies without what belongs to this node. */
export const packed = (replies: readonly Packed[]): Packed[] =>
  replies.map(({ data, moves }) => ({ data, moves }));
