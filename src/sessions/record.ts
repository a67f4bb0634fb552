import type { Json } from "../ports.ts";
import type { Packed } from "./outbox.ts";

/**
 * What is stored of a connection, field by field, so that a write carries what changed. Version 1; a node reads what the
 * version before wrote.
 */
export interface ConnectionRecord {
  /** Whose it is. Written at the handshake. */
  who: {
    identity: Json;
    /** Digest of the browser's cookie, null without one. */
    browser: string | null;
    remoteIP: string;
    remotePort: number;
    /** Milliseconds since 1970. */
    connectedAt: number;
    /** When the credential ends that the identity was read from, milliseconds since 1970; never when it is left out. */
    expiresAt?: number;
    /** Our own client: it presents positions and numbers. */
    ours: boolean;
    /** It never repeats a publish and starts its ids again in the same session (BAYEUX 3.7). */
    cometd: boolean;
  };
  /** The Bayeux session that may act for it, as digests of secrets. */
  session: { current: string; superseded: string[] };
  /** `attempt`: of the handshake that was served last, where its client counts them. */
  resume: { current: string; previous: string | null; attempt?: number };
  /** The public id it has claimed, and where its line starts for it. */
  line: { id: string; start: string } | null;
  rooms: {
    room: string | null;
    /** When it joined that room, milliseconds since 1970. */
    since: number;
    /** The position from which that room is heard; null until it is entered. */
    start: string | null;
    /** The room being left by a roomChange that is not finished, and from where it was heard. */
    leaving: { room: string; start: string | null } | null;
    /** Numbers of says in it, beyond `after`, of which a store that came back empty cannot tell whether they were stored. */
    forgotten: { after: number; upTo: number } | null;
    /** Names, with the position from which each is heard. */
    listening: Record<string, string>;
  };
  /** Plain channels and patterns, with the position from which each is heard. */
  channels: Record<string, string>;
  /** How far other clients than ours have been served, by topic. */
  cursors: Record<string, string>;
  /** Of a client that acknowledges deliveries: what it has not acknowledged yet, oldest first; `cursors` is what it has. */
  acks: { sent: readonly Batch[] } | null;
  /** The last numbered verb; `reply` is null while it is not known to be done. */
  verb: {
    n: number;
    reply: { status: string; code?: string; data?: Json } | null;
    /** The room it entered, and the one it left with what was owed of it. */
    joined: string | null;
    left: { topic: string; start: string; until: string } | null;
  };
  /** Actions that are executed once, by messageId: their reply (JSON text), or null while none is known. */
  journal: Record<string, string | null>;
  /** Of a client that repeats a publish as it was (BAYEUX 3.7): marks of the last ones that began an action, oldest first. */
  begun: readonly string[];
  counts: { messages: number; actions: number };
  data: Record<string, Json>;
  /** Written again into a store that had lost it; rooms and line may not know of it yet. */
  uprooted: boolean;
  /** What the store was when rooms and line last knew of it: another one has lost that, or all but an older record. */
  era: string | null;
  /** Set when it has ended but its client may still have to be told. */
  ended: { reason: string; reconnect: "none" | "handshake" } | null;
}

/** What went out with one reply to a connect, to a client that acknowledges that. */
export interface Batch {
  readonly n: number;
  /** How far each topic had been read then. */
  readonly cursors: Readonly<Record<string, string>>;
  /** What no log holds. */
  readonly replies: readonly Packed[];
}

export type RecordField = keyof ConnectionRecord;

const empty = (): Omit<ConnectionRecord, "who" | "session" | "resume"> => ({
  line: null,
  rooms: { room: null, since: 0, start: null, leaving: null, forgotten: null, listening: {} },
  channels: {},
  cursors: {},
  acks: null,
  verb: { n: 0, reply: { status: "OK" }, joined: null, left: null },
  journal: {},
  begun: [],
  counts: { messages: 0, actions: 0 },
  data: {},
  uprooted: false,
  era: null,
  ended: null,
});

export function newRecord(
  parts: Pick<ConnectionRecord, "who" | "session" | "resume"> & Partial<ConnectionRecord>,
): ConnectionRecord {
  return Object.assign(empty(), parts);
}

export function formatRecord(record: Partial<ConnectionRecord>): Record<string, string> {
  const fields: Record<string, string> = {};
  for (const [name, value] of Object.entries(record)) fields[name] = JSON.stringify(value);
  return fields;
}

/** null when what is stored is not a record this version can read. */
export function parseRecord(fields: Readonly<Record<string, string>>): ConnectionRecord | null {
  if (fields.who === undefined || fields.session === undefined || fields.resume === undefined) return null;
  try {
    const parsed: Record<string, unknown> = {};
    for (const [name, text] of Object.entries(fields)) parsed[name] = JSON.parse(text);
    return Object.assign(empty(), parsed as unknown as ConnectionRecord);
  } catch {
    return null;
  }
}
