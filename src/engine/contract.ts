/**
 * The engine: where logs, members, connection records and leases live.
 *
 * Every operation is asynchronous, touches one topic or one connection or one node, and may fail with an
 * {@link EngineFailure}. Nothing in here knows Bayeux, sockets or actions. The rules that an engine must keep
 * are numbered in docs/engine.md and proven by `engine/suite`, which any engine can run.
 *
 * **Acts.** Whatever is done under a fence and can be undone carries, beside the fence, an `act`: an integer from 1
 * that whoever owns the record raises for each *new* thing it does to that connection (joins, leaves, member
 * updates, holds, releases, record writes, appends; one counter for all of them, restarted or continued at a claim as you
 * like, since the fence compares first). Repeating an operation after `unknown` repeats its act. An operation whose
 * act is not newer than the last one that it would undo has no effect and is answered as a repeat: so a duplicate
 * that arrives late can neither bring a member back nor throw it out, and two operations that overtook each other
 * end as if they had come in order. An append is refused for a reason that may pass (an earlier number is missing, its
 * publisher is not a member yet); its act sees to it that a duplicate of it is not stored once the reason has passed.
 */

/** A place in a topic's log. `count` is the number of messages (announcements left out) at or before `offset`. */
export interface Position {
  /** Random; a new one, with no entries, members or holder, whenever the log may have been lost or rewound. */
  readonly epoch: string;
  /** Contiguous integers over messages and announcements; 0 is before the first entry. */
  readonly offset: number;
  readonly count: number;
}

/** Announcements (somebody entered, somebody left) are bounded apart from messages and never counted as missed. */
export type EntryKind = "message" | "announcement";

export interface Entry {
  readonly offset: number;
  readonly count: number;
  readonly kind: EntryKind;
  /** The member that sent it, to whom it is not delivered; null when nobody did. */
  readonly from: string | null;
  /** JSON text, stored and handed on as it is. */
  readonly payload: string;
}

/** Who appends, so that the same act done twice has one effect. */
export interface Publisher {
  /** The member's id: that of its connection record, since fences and acts of one record say nothing about another's. */
  readonly id: string;
  /** Fence of the connection record under which this is done. */
  readonly fence: number;
  /**
   * Contiguous from 1 for each publisher and topic; or `key`: recognised when repeated, in no order; under a key that was
   * refused nothing is stored later.
   */
  readonly n?: number;
  readonly key?: string;
  /** Where appends await each other's outcome: see above. Without it a refused number may yet be stored by a late duplicate. */
  readonly act?: number;
}

export interface Append {
  readonly payload: string;
  readonly from: string | null;
  readonly kind: EntryKind;
  /** Absent: the server itself, no deduplication. */
  readonly publisher?: Publisher;
  /** `member`: the publisher must be one. `held`: the topic must be a line that somebody holds. */
  readonly requires?: "member" | "held";
}

export type Appended =
  /**
   * `repeat`: it had been stored before; the position is that of then, or the head where that is forgotten (of each
   * publisher the last 256 outcomes are remembered, for some minutes after it left).
   */
  | { readonly outcome: "stored"; readonly position: Position; readonly repeat: boolean }
  /** `n` is larger than `last + 1`. Nothing was stored. */
  | { readonly outcome: "earlier_missing"; readonly last: number }
  | { readonly outcome: "not_member" }
  | { readonly outcome: "not_held" }
  /** Not stored, and under this act never will be: it was refused before, or a later act has been done here. */
  | { readonly outcome: "overtaken" };

export interface Member {
  readonly id: string;
  /** JSON text, shown to others. */
  readonly info: string;
}

export interface Announcement {
  readonly payload: string;
  /** Made only where the topic has at most this many members (the one who comes or goes included). */
  readonly upTo: number;
}

export interface Join {
  readonly id: string;
  readonly fence: number;
  readonly act: number;
  readonly info: string;
  /** The publisher's number as the caller knows it: counts where the topic knows less (its store was lost). */
  readonly last?: number;
  readonly announce?: Announcement;
}

export interface Joined {
  /**
   * Where the membership starts: everything after it is owed. For a repeat, that of the first time. Its own
   * announcement lies before it.
   */
  readonly position: Position;
  readonly repeat: boolean;
  /** Highest `n` stored for this publisher in this topic, 0 when none is known. */
  readonly last: number;
  readonly members: number;
}

export interface Leave {
  readonly id: string;
  readonly fence: number;
  readonly act: number;
  readonly announce?: Announcement;
}

export interface Left {
  /**
   * Where the membership ended: everything up to it is owed, and its own announcement lies after it. For a repeat,
   * that of the first time; null when it never was a member (as far as is remembered: some minutes).
   */
  readonly position: Position | null;
  /** It had left before. False where `position` is null. */
  readonly repeat: boolean;
}

export interface Reading {
  readonly epoch: string;
  readonly head: Position;
  /** After `from`, in order, at most `limit`. A hole in their offsets is announcements that were forgotten. */
  readonly entries: readonly Entry[];
  /**
   * Where reading really began; differs from what was asked for when messages are missing: then it is the last
   * forgotten message. Position of another epoch: before the oldest entry there is; beyond the head: the head.
   */
  readonly from: Position;
  /**
   * Messages between the asked position and `from`; null where that cannot be known (another epoch, beyond the
   * head, a `count` that cannot be).
   */
  readonly missed: number | null;
}

/** `fields` are JSON texts by name; the engine does not look into them. */
export interface ConnectionState {
  readonly fence: number;
  readonly owner: string;
  readonly fields: Readonly<Record<string, string>>;
}

export type Claim =
  | { readonly outcome: "claimed"; readonly state: ConnectionState }
  /** Somebody moved the fence first; `state` is what stands now. */
  | { readonly outcome: "moved"; readonly state: ConnectionState }
  | { readonly outcome: "gone" };

export interface Hold {
  /** Id of the connection record that holds the line. */
  readonly holder: string;
  readonly fence: number;
  readonly act: number;
  /** Digests of what proves the same person: identity, browser cookie. Empty: nothing does. */
  readonly proofs: readonly string[];
}

export interface NodeLease {
  readonly node: string;
  /** Milliseconds left by the engine's own clock; 0 or less when lapsed. */
  readonly remaining: number;
}

/** What flows back from the engine to its node. Calls may come at any time between `start` and `stop`. */
export interface EngineSink {
  /** New entries of a watched topic. A fast path only: may be lost, repeated or late; offsets tell. */
  entries(topic: string, epoch: string, entries: readonly Entry[]): void;
  /** Another node has claimed this connection; whoever holds a lower fence must let go. */
  claimed(connection: string, fence: number): void;
  /** A text from another node. */
  message(from: string, text: string): void;
  /** The fast path may have lost something: read every watched topic again. */
  doubt(): void;
}

export interface Engine {
  /** Must be called once before anything else. `node` is unique to this run of the process. */
  start(node: string, sink: EngineSink): Promise<void>;
  stop(): Promise<void>;
  /** Whether the engine answers and is fit to store. */
  ready(): Promise<boolean>;

  // Nodes ------------------------------------------------------------------------------------------------

  /** Takes or renews this node's lease for `ms` milliseconds from now (the engine's clock). */
  renewLease(ms: number): Promise<void>;
  /** Gives the lease up: this node's connections may be adopted at once. */
  releaseLease(): Promise<void>;
  /** Nodes with a lease, and lapsed ones that still own connections. */
  nodes(): Promise<readonly NodeLease[]>;
  /**
   * Hands a text to another node's `message`. Resolves when handed over, not when read: a node that goes down may stay silent.
   * `unavailable` also when that node does not listen, whatever its lease says: it has surely not got it.
   */
  send(node: string, text: string): Promise<void>;

  // Connections ------------------------------------------------------------------------------------------

  /** Creates the record with fence 1, owned by this node. Repeated with the same id, even a removed one: no effect. */
  createConnection(id: string, fields: Record<string, string>): Promise<void>;
  /**
   * Writes a whole record again that the engine has lost, with its fence, owned by this node. The highest fence wins:
   * no effect where this node's record stands with the same fence; `fenced` where another's does, or a higher one, or
   * where the record was removed.
   */
  restoreConnection(id: string, fence: number, fields: Record<string, string>): Promise<void>;
  readConnection(id: string): Promise<ConnectionState | null>;
  /**
   * Makes this node the owner if the fence still is `expect`; the fence moves up by one and `fields` are merged in.
   * Asked again by the node that got it (fence `expect + 1`, same owner): `claimed` again, nothing changes.
   */
  claimConnection(id: string, expect: number, fields: Record<string, string>): Promise<Claim>;
  /**
   * Merges fields in; a null removes one. Fails as `fenced` unless `fence` is the record's and the record exists. Each
   * field keeps what the highest `act` under this fence wrote: the record ends as if the writes had come in order, each once.
   */
  writeConnection(
    id: string,
    fence: number,
    fields: Record<string, string | null>,
    act: number,
  ): Promise<void>;
  /** Removes the record. A repeat has no effect; fails as `fenced` when the fence has moved up. */
  removeConnection(id: string, fence: number): Promise<void>;
  /** Ids of the records a node owns, ascending, after `after`, at most `limit`. */
  ownedConnections(node: string, after: string | null, limit: number): Promise<readonly string[]>;

  // Topics -----------------------------------------------------------------------------------------------

  append(topic: string, entry: Append): Promise<Appended>;
  /** Where the log ends now. Creates the topic when there is none. */
  position(topic: string): Promise<Position>;
  read(topic: string, after: Position, limit: number): Promise<Reading>;
  /**
   * After this resolves, new entries of the topic are pushed to the sink. Of `watch` and `unwatch` of a topic the one called
   * last counts, in whatever order they end.
   */
  watch(topic: string): Promise<void>;
  unwatch(topic: string): Promise<void>;

  join(topic: string, join: Join): Promise<Joined>;
  leave(topic: string, leave: Leave): Promise<Left>;
  /**
   * Replaces what others see of a member. No effect when it is not one, or when a join or update of a later act
   * has; `fenced` under an older fence.
   */
  updateMember(topic: string, id: string, fence: number, info: string, act: number): Promise<void>;
  /** Members in the order of their ids, after `after`, at most `limit`, and how many there are in all. */
  members(
    topic: string,
    after: string | null,
    limit: number,
  ): Promise<{ members: readonly Member[]; total: number }>;

  // Lines: topics that one connection holds ---------------------------------------------------------------

  /**
   * `held`: yours now, or already. `refused`: another connection holds it now; or another was the last to hold it,
   * within the last day, and none of the proofs is the same.
   */
  holdLine(topic: string, hold: Hold): Promise<"held" | "refused">;
  /** Lets go and remembers the proofs for a day. No effect for whoever does not hold it. */
  releaseLine(topic: string, holder: string, fence: number, act: number): Promise<void>;
  /** Id of the connection record that holds the line. */
  lineHolder(topic: string): Promise<string | null>;
}

/**
 * Why an operation did not return.
 * - `unavailable`: surely not done; the engine cannot be reached or cannot store.
 * - `unknown`: done or not done, perhaps done yet; only repeating it (same publisher number, fence and act, or id)
 *   tells. What only reads (`ready`, `nodes`, `members`, `position`, `lineHolder`, `read*`, `ownedConnections`) is never unknown.
 * - `fenced`: refused, because another node has claimed the connection since.
 */
export type FailureOutcome = "unavailable" | "unknown" | "fenced";

export class EngineFailure extends Error {
  override readonly name = "EngineFailure";
  readonly outcome: FailureOutcome;
  constructor(outcome: FailureOutcome, message: string, options?: ErrorOptions) {
    super(message, options);
    this.outcome = outcome;
  }
}

/** Bounds of every topic's log. */
export interface TopicBounds {
  /** Messages kept; announcements are kept apart, a quarter of this number (rounded up). */
  readonly maxMessages: number;
  /** Bytes (UTF-8) of payload kept, of announcements a quarter of it; the newest entry is kept whatever its size. */
  readonly maxBytes: number;
  /** Milliseconds an entry is kept: it is gone once it is this old. */
  readonly maxAge: number;
}

export const roomTopic = (room: string): string => `room:${room}`;
export const lineTopic = (id: string): string => `line:${id}`;
export const channelTopic = (channel: string): string => `channel:${channel}`;
export const identityTopic = (digest: string): string => `identity:${digest}`;

/** `epoch.offset.count`, as a client keeps it. */
export function formatPosition(position: Position): string {
  return `${position.epoch}.${position.offset}.${position.count}`;
}

const POSITION = /^([0-9A-Za-z]{1,32})\.(\d{1,15})\.(\d{1,15})$/;

/** null for anything that {@link formatPosition} would not have written. */
export function parsePosition(text: unknown): Position | null {
  const match = typeof text === "string" ? POSITION.exec(text) : null;
  return match ? { epoch: match[1]!, offset: Number(match[2]), count: Number(match[3]) } : null;
}
