import { formatPosition, roomTopic } from "../engine/contract.ts";
import { newKey } from "../engine/keys.ts";
import { isRoomName } from "../rooms/names.ts";
import type { ConnectionRecord } from "../sessions/record.ts";
import type { Session } from "../sessions/session.ts";
import { lifeOf } from "./life.ts";
import type { Change } from "./membership.ts";
import { type VERB_ERRORS, VerbRefused } from "./refused.ts";
import type { VerbParts } from "./verb-parts.ts";
import { viewOf } from "./view.ts";

/** A verb as it was called. */
export interface VerbCall {
  readonly session: Session;
  /** Everything beside `event`, as the client sent it. */
  readonly data: Readonly<Record<string, unknown>>;
  /** What our own client adds (docs/protocol.md §6). */
  readonly stamp: Stamp | null;
  /** Recognises a stock client's repeat; null when it cannot be recognised. */
  readonly key: string | null;
}

export interface Stamp {
  readonly n: number;
  readonly room: string | null;
}

/** A response on the line; null where there is none. */
export interface VerbReply extends Partial<Change> {
  readonly data: unknown;
}

export type Verb = (call: VerbCall, parts: VerbParts) => Promise<VerbReply | null>;

/** Verbs by the name of their event. `action` and `quit` are elsewhere: they are no questions with an answer. */
export const VERBS: ReadonlyMap<string, Verb> = new Map<string, Verb>([
  ["say", say],
  ["roomChange", numbered(roomChange)],
  ["listenToRoom", numbered(listenToRoom)],
  ["silenceRoom", numbered(silenceRoom)],
  ["roomView", roomView],
  ["detailsView", detailsView],
  ["documentation", documentation],
  // The server knows the address; traditional clients wait for the answer.
  ["setIP", () => Promise.resolve({ data: null })],
  ["setPort", () => Promise.resolve({ data: null })],
]);

async function say({ session, data, stamp, key }: VerbCall, parts: VerbParts): Promise<VerbReply> {
  const { room } = session.record.rooms;
  const message = Object.hasOwn(data, "message") ? data.message : words(data).join(" ");
  if (message === undefined || message === "") throw new VerbRefused("message_required");
  if (stamp !== null && stamp.room !== room) throw new VerbRefused("wrong_room", undefined, { room });
  if (room === null) throw new VerbRefused("not_in_room");
  await parts.authorization.room(session, room, "say");
  const id = session.record.line?.id ?? session.id;
  const life = lifeOf(session);
  const { unsure } = life;
  const say = (under: string) => {
    const { forgotten } = session.record.rooms;
    if (stamp && forgotten && stamp.n > forgotten.after && stamp.n <= forgotten.upTo)
      throw new VerbRefused("outcome_unknown");
    const by = { id: session.id, fence: session.fence, ...(stamp ? { n: stamp.n } : { key: under }) };
    return parts.rooms.say(
      room,
      id,
      message,
      by,
      () => session.keeper.act(),
      () => {
        if (stamp) life.unsure = Math.max(life.unsure, stamp.n);
      },
    );
  };
  const known = key ?? newKey();
  let appended = await say(known);
  // Under a key that was refused nothing is stored any more.
  if (appended.outcome === "not_member" && (await parts.membership.restore(session)))
    appended = await say(`${known} again`);
  // Refused for good, whatever became of its attempts.
  if (appended.outcome !== "stored") life.unsure = unsure;
  switch (appended.outcome) {
    case "stored": {
      if (stamp) life.lastSaid = Math.max(life.lastSaid, stamp.n);
      return { data: null };
    }
    case "earlier_missing":
      throw new VerbRefused("earlier_missing", undefined, { last: appended.last });
    case "not_member":
    case "not_held":
      throw new VerbRefused("not_in_room");
  }
}

/**
 * Our client numbers what changes its rooms: what was done is answered again, what comes too early is sent back.
 */
function numbered(
  verb: (call: VerbCall, parts: VerbParts, n: number | undefined) => Promise<VerbReply>,
): Verb {
  return async (call, parts) => {
    const { session, stamp } = call;
    if (stamp === null) return verb(call, parts, undefined);
    const { verb: last } = session.record;
    if (stamp.n > last.n + 1) throw new VerbRefused("earlier_missing", undefined, { last: last.n });
    if (stamp.n < last.n) return { data: true };
    if (stamp.n === last.n && last.reply !== null) return again(session, last.reply);
    try {
      return await verb(call, parts, stamp.n);
    } catch (failed) {
      // A refusal is an outcome too: it uses the number up.
      if (failed instanceof VerbRefused) {
        const { code, message } = failed;
        session.record.verb = { n: stamp.n, reply: { status: message, code }, joined: null, left: null };
        await session.keeper.write("verb");
      }
      throw failed;
    }
  };
}

/** The reply to a verb that was done before, with the positions that go with it. */
function again(
  session: Session,
  { status, code, data }: NonNullable<ConnectionRecord["verb"]["reply"]>,
): VerbReply {
  if (code !== undefined) throw new VerbRefused(code as keyof typeof VERB_ERRORS, status);
  const { verb, rooms } = session.record;
  const { joined, left } = verb;
  const topic = joined === null ? null : roomTopic(joined);
  const start = topic === null ? undefined : session.outbox.startOf(topic);
  const life = lifeOf(session);
  return {
    data: data ?? null,
    moves: {
      ...(start && topic !== null && joined !== null
        ? {
            joined: {
              topic,
              position: formatPosition(start),
              room: joined,
              ...(rooms.room === joined ? { last: life.lastSaid } : {}),
            },
          }
        : {}),
      ...(left ? { left: left.topic } : {}),
    },
    after: life.owed,
  };
}

async function roomChange(
  { session, data }: VerbCall,
  parts: VerbParts,
  n: number | undefined,
): Promise<VerbReply> {
  const room = roomOf(data);
  const { rooms } = session.record;
  const heard = roomsHeard(room, rooms.listening);
  // Of those that the server gave it there may be too many: it may change as long as they do not become more.
  if (heard > parts.maxRooms && heard > roomsHeard(rooms.room, rooms.listening))
    throw new VerbRefused("too_many_rooms");
  await parts.authorization.room(session, room, "join");
  return { data: true, ...(await parts.membership.change(session, room, n)) };
}

async function listenToRoom(
  { session, data }: VerbCall,
  parts: VerbParts,
  n: number | undefined,
): Promise<VerbReply> {
  const room = roomOf(data);
  const { listening, room: own } = session.record.rooms;
  if (Object.hasOwn(listening, room)) throw new VerbRefused("already_listening");
  if (room !== own && roomsHeard(own, listening) >= parts.maxRooms) throw new VerbRefused("too_many_rooms");
  await parts.authorization.room(session, room, "listen");
  return { data: true, ...(await parts.membership.listen(session, room, n)) };
}

/** A room that it is in and listens to is one. */
function roomsHeard(own: string | null, listening: Readonly<Record<string, string>>): number {
  const also = own === null || Object.hasOwn(listening, own) ? 0 : 1;
  return Object.keys(listening).length + also;
}

async function silenceRoom(
  { session, data }: VerbCall,
  parts: VerbParts,
  n: number | undefined,
): Promise<VerbReply> {
  const room = roomOf(data);
  if (!Object.hasOwn(session.record.rooms.listening, room)) throw new VerbRefused("not_listening");
  return { data: true, ...(await parts.membership.silence(session, room, n)) };
}

async function roomView({ session, data }: VerbCall, parts: VerbParts): Promise<VerbReply> {
  const asked = Object.hasOwn(data, "room") ? data.room : null;
  const room = asked === null ? session.record.rooms.room : roomOf(data);
  if (room === null) throw new VerbRefused("not_in_room");
  await parts.authorization.room(session, room, "view");
  const after = typeof data.after === "string" ? data.after : null;
  return { data: await parts.rooms.view(room, after, Number.POSITIVE_INFINITY) };
}

async function detailsView({ session }: VerbCall): Promise<VerbReply> {
  const view = viewOf(session);
  return {
    data: {
      id: view.id,
      type: view.type,
      transport: view.transport,
      remoteIP: view.remoteIP,
      remotePort: view.remotePort,
      connectedAt: view.connectedAt,
      room: view.room,
      listeningRooms: view.listeningRooms,
      totalActions: view.totalActions,
      pendingActions: view.pendingActions,
      params: view.params,
    },
  };
}

async function documentation(_call: VerbCall, parts: VerbParts): Promise<VerbReply> {
  return { data: parts.documentation() };
}

function roomOf(data: Readonly<Record<string, unknown>>): string {
  const room = Object.hasOwn(data, "room") ? data.room : words(data)[0];
  if (room === undefined || room === null || room === "") throw new VerbRefused("room_required");
  if (!isRoomName(room)) throw new VerbRefused("invalid_room");
  return room;
}

/** Traditional clients send arguments under any name: the values count, in their order (BAYEUX 6.3). */
function words(data: Readonly<Record<string, unknown>>): string[] {
  return Object.entries(data)
    .filter(([name, value]) => name !== "event" && name !== "messageId" && typeof value !== "object")
    .map(([, value]) => String(value));
}
