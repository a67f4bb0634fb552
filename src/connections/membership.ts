import type { Engine, Position } from "../engine/contract.ts";
import { EngineFailure, formatPosition, parsePosition, roomTopic } from "../engine/contract.ts";
import { insist } from "../engine/insist.ts";
import type { Cursor } from "../hub/cursor.ts";
import type { Clock } from "../ports.ts";
import type { Actor, MemberInfo, Rooms } from "../rooms/rooms.ts";
import type { ConnectionRecord } from "../sessions/record.ts";
import type { Session } from "../sessions/session.ts";
import type { Moves } from "../sessions/wording.ts";
import { lifeOf } from "./life.ts";

/** What a change of rooms means for what its reply carries and when it may be said. */
export interface Change {
  readonly moves: Moves;
  readonly after?: Cursor | undefined;
  readonly before?: Cursor | undefined;
}

const DONE = { status: "OK", data: true } as const;

/** A change of rooms is written down and not finished. */
export function isUnderWay({ room, start, leaving }: ConnectionRecord["rooms"]): boolean {
  return leaving !== null || (room !== null && start === null);
}

/** In which room a connection speaks and to which it listens. Called in the session's turn. */
export class Membership {
  readonly #engine: Engine;
  readonly #clock: Clock;
  readonly #rooms: Rooms;

  constructor(engine: Engine, clock: Clock, rooms: Rooms) {
    this.#engine = engine;
    this.#clock = clock;
    this.#rooms = rooms;
  }

  /**
   * Speaks in another room from now on (null: in none). Written down before it is begun; the record names the new room before
   * the room has the member. `number` is the client's number of the verb.
   */
  async change(session: Session, room: string | null, number?: number): Promise<Change> {
    const { record } = session;
    // A repeat of a change that was not finished goes on with it; another change comes after it.
    const unfinished = isUnderWay(record.rooms);
    const repeat = unfinished && record.rooms.room === room;
    if (unfinished && !repeat) await this.settle(session);
    let { rooms, verb } = record;
    if (!repeat) {
      const from = rooms.room;
      const start = from === null ? undefined : session.outbox.startOf(roomTopic(from));
      const leaving = from === null ? null : { room: from, start: start ? formatPosition(start) : null };
      rooms = { ...rooms, room, since: this.#clock.now(), start: null, leaving, forgotten: null };
    }
    if (number !== undefined) {
      verb = { n: number, reply: null, joined: room, left: repeat ? verb.left : null };
    }
    await session.keeper.amend({ rooms, verb });
    try {
      return await (repeat ? this.settle(session) : this.#finish(session, false));
    } catch (failed) {
      // It is written down and will be finished: nobody may be told that it was surely not done.
      if (!(failed instanceof EngineFailure) || failed.outcome !== "unavailable") throw failed;
      throw new EngineFailure("unknown", "a change of rooms was begun", { cause: failed });
    }
  }

  /** Enters the room that the record names, for the first time. */
  enter(session: Session): Promise<Change> {
    return this.#finish(session, false);
  }

  /** Finishes a change of rooms that is written down and may be done in part. */
  settle(session: Session): Promise<Change> {
    return this.#finish(session, true);
  }

  /** May be repeated; each step has its effect once. `tried`: steps of it may have been done before. */
  async #finish(session: Session, tried: boolean): Promise<Change> {
    const { record } = session;
    const life = lifeOf(session);
    const { leaving, room, listening } = record.rooms;
    const left = leaving !== null && leaving.room !== room ? leaving.room : null;
    const after = left === null ? undefined : await this.#leave(session, left, tried);
    const entered = room === null ? null : await this.#enter(session, room, tried);
    const start = entered && formatPosition(entered.cursor.start);
    const { verb } = record;
    await session.keeper.amend({
      rooms: { ...record.rooms, start, leaving: null },
      verb: verb.reply === null ? { ...verb, reply: DONE } : verb,
    });
    return {
      moves: {
        ...(entered ? { joined: { last: life.lastSaid, ...entered.joined } } : {}),
        // Whoever still listens there goes on hearing it.
        ...(left === null || Object.hasOwn(listening, left) ? {} : { left: roomTopic(left) }),
      },
      after,
      before: entered?.cursor,
    };
  }

  async #leave(session: Session, room: string, tried: boolean): Promise<Cursor | undefined> {
    const topic = roomTopic(room);
    // Whoever still listens there goes on hearing it.
    const listens = Object.hasOwn(session.record.rooms.listening, room);
    // Until the answer is there nobody knows whether what comes now came after it.
    if (!listens) session.outbox.hold(topic);
    const { position } = await this.#rooms.leave(
      room,
      this.#actor(session),
      this.#publicId(session),
      quiet(session, tried),
    );
    if (listens) return undefined;
    const cursor = session.outbox.leave(topic, position ?? (await this.#lost(session, topic)));
    if (cursor?.until) {
      const { start, until } = cursor;
      const owed = { topic, start: formatPosition(start), until: formatPosition(until) };
      session.record.verb = { ...session.record.verb, left: owed };
    }
    return cursor;
  }

  /** It was no member any more. Where the store has lost the log, that is told, and what is in the new one is not for it. */
  async #lost(session: Session, topic: string): Promise<Position | null> {
    const read = session.outbox.epochOf(topic);
    if (read === undefined) return null;
    const { epoch } = await insist(this.#clock, () => this.#engine.position(topic));
    return epoch === read ? null : { epoch, offset: 0, count: 0 };
  }

  async #enter(
    session: Session,
    room: string,
    tried: boolean,
  ): Promise<{ joined: { topic: string; position: string; room: string }; cursor: Cursor }> {
    const topic = roomTopic(room);
    const { position, last } = await this.#rooms.join(
      room,
      this.#actor(session),
      this.#info(session),
      quiet(session, tried),
    );
    const life = lifeOf(session);
    life.lastSaid = last;
    life.unsure = 0;
    // It may have been read on another node before the change was written down as done.
    const read = parsePosition(session.record.cursors[topic]);
    const cursor = session.outbox.open(topic, position, read?.epoch === position.epoch ? read : position);
    return { joined: { topic, position: formatPosition(position), room }, cursor };
  }

  /** Hears a room beside its own, from now on. */
  async listen(session: Session, room: string, number?: number): Promise<Change> {
    const { record } = session;
    const topic = roomTopic(room);
    // Who hears it already goes on from there: also on another node, and after having left it.
    const position =
      session.outbox.startOf(topic) ?? (await insist(this.#clock, () => this.#engine.position(topic)));
    const listening = { ...record.rooms.listening, [room]: formatPosition(position) };
    await session.keeper.amend({ rooms: { ...record.rooms, listening }, ...numbered(number, room, null) });
    const known = session.outbox.has(topic);
    const cursor = session.outbox.open(topic, position);
    // In the room it speaks in it goes on where it is: heard once.
    if (known) return { moves: {} };
    return { moves: { joined: { topic, position: formatPosition(position), room } }, before: cursor };
  }

  async silence(session: Session, room: string, number?: number): Promise<Change> {
    const { record } = session;
    const topic = roomTopic(room);
    const { [room]: _silenced, ...listening } = record.rooms.listening;
    const until = await insist(this.#clock, () => this.#engine.position(topic));
    const start = record.rooms.room === room ? undefined : session.outbox.startOf(topic);
    const left = start ? { topic, start: formatPosition(start), until: formatPosition(until) } : null;
    await session.keeper.amend({ rooms: { ...record.rooms, listening }, ...numbered(number, null, left) });
    if (record.rooms.room === room) return { moves: {} };
    const after = session.outbox.leave(topic, until);
    return { moves: { left: topic }, after };
  }

  /** Was refused as if it were in no room: true when the store had lost that, and knows it again. */
  async restore(session: Session): Promise<boolean> {
    if (!(await session.restore())) return false;
    await this.register(session);
    return true;
  }

  /** Is again in the room that it is in, where the store has lost that. */
  async register(session: Session): Promise<void> {
    const { rooms } = session.record;
    if (isUnderWay(rooms)) await this.settle(session);
    else if (rooms.room !== null) await this.#rejoin(session, rooms.room);
  }

  /**
   * Nobody saw it leave, so nobody is told that it enters. It never ceased to be a member: reading goes on from where it was, so
   * the loss is told and all that the new log has is for it.
   */
  async #rejoin(session: Session, room: string): Promise<void> {
    const { record } = session;
    const life = lifeOf(session);
    const join = (last?: number) => this.#rooms.rejoin(room, this.#actor(session), this.#info(session), last);
    const joined = await join();
    // Only what was lost may be told: a number of another time would make the store take new says for repeats.
    const lost = !joined.repeat || session.uprooted || record.uprooted;
    const last = Math.max(life.lastSaid, joined.last);
    const known = lost ? Math.max(last, life.unsure) : joined.last;
    // Stored and lost, or never stored: these numbers are used up, and whoever asks, here or elsewhere, is told just that.
    if (known > last && lost) {
      const former = record.rooms.forgotten;
      const after = former && former.upTo >= last ? former.after : last;
      await session.keeper.amend({ rooms: { ...record.rooms, forgotten: { after, upTo: known } } });
    }
    if (known > joined.last) await join(known);
    life.lastSaid = known;
  }

  /** Reads again what it read on the node before, from where it was. */
  async reopen(session: Session): Promise<void> {
    const { record, outbox } = session;
    const { room, leaving, listening } = record.rooms;
    const place = (topic: string, start: Position): Position => parsePosition(record.cursors[topic]) ?? start;
    for (const [name, text] of Object.entries(listening)) {
      const start = parsePosition(text);
      if (start) outbox.open(roomTopic(name), start, place(roomTopic(name), start));
    }
    if (leaving !== null) {
      // What is owed of the room being left is read to its end first.
      const topic = roomTopic(leaving.room);
      const start = parsePosition(leaving.start);
      if (start) outbox.open(topic, start, place(topic, start));
    }
    // Where it began is where it is read from, though the log may be another one by now: then that is told.
    const start = parsePosition(record.rooms.start);
    if (isUnderWay(record.rooms)) await this.settle(session);
    else if (room !== null && start) {
      outbox.open(roomTopic(room), start, place(roomTopic(room), start));
      await this.#rejoin(session, room);
    }
  }

  /** A topic that the client still presents though it was left: what it is owed of it is read again. */
  reread(session: Session, said: (topic: string) => Position | null): Cursor | undefined {
    const { left } = session.record.verb;
    if (!left || session.outbox.has(left.topic) || session.outbox.isLeaving(left.topic)) return undefined;
    const start = parsePosition(left.start);
    const until = parsePosition(left.until);
    // Before it is told that it left, it has to have all; whatever it has already it drops.
    const at = said(left.topic) ?? (session.outbox.owesLeave(left.topic) ? start : null);
    if (!start || !until || !at) return undefined;
    session.outbox.open(left.topic, start, at);
    return session.outbox.leave(left.topic, until);
  }

  /** Tells the room how the connection is seen now: its public id, whether it is away. */
  async present(session: Session): Promise<void> {
    const { room } = session.record.rooms;
    if (room === null || session.record.line === null) return;
    await this.#rooms.update(room, this.#actor(session), this.#info(session));
  }

  /** Leaves the room for good; the record goes after this. */
  async leaveAll(session: Session): Promise<void> {
    const { room, leaving } = session.record.rooms;
    for (const name of new Set([leaving?.room, room])) {
      if (name) {
        await this.#rooms.leave(name, this.#actor(session), this.#publicId(session), quiet(session, false));
      }
    }
  }

  #actor(session: Session): Actor {
    return { id: session.id, fence: session.fence, act: session.keeper.act() };
  }

  #publicId(session: Session): string {
    return session.record.line?.id ?? session.id;
  }

  #info(session: Session): MemberInfo {
    const state = session.away === true ? "away" : "online";
    return { id: this.#publicId(session), joinedAt: session.record.rooms.since, state };
  }
}

/**
 * Asked before each attempt to announce something: whether one before it may have done so in a log that the store has lost. Those who
 * heard it there would hear it again.
 */
function quiet(session: Session, tried: boolean): () => Promise<boolean> {
  let attempted = tried;
  return async () => {
    if (attempted) await session.restore();
    const lost = attempted && (session.uprooted || session.record.uprooted);
    attempted = true;
    return lost;
  };
}

/** What is written down of a verb that has a number. */
function numbered(
  n: number | undefined,
  joined: string | null,
  left: ConnectionRecord["verb"]["left"],
): Partial<ConnectionRecord> {
  return n === undefined ? {} : { verb: { n, reply: DONE, joined, left } };
}
