import { type Awaitable, rescue, then } from "../awaitable.ts";
import type { ConnectionState, Engine } from "../engine/contract.ts";
import { EngineFailure } from "../engine/contract.ts";
import { insist, sleep } from "../engine/insist.ts";
import type { Clock, Log } from "../ports.ts";
import type { Application } from "./application.ts";
import type { LiveNodes } from "./live-nodes.ts";
import { Mailbox } from "./mailbox.ts";
import { CLAIM_WAIT, type Parcel, Parcels } from "./parcels.ts";
import { NoAnswer, type Peers } from "./peers.ts";
import { type ConnectionRecord, formatRecord, parseRecord } from "./record.ts";
import type { Restoration } from "./restoration.ts";
import { Session, type SessionHost } from "./session.ts";

/** Milliseconds that a live owner gets to let go before the session is taken from it. */
const RELEASE_WAIT = 500;
/** Milliseconds that a live owner gets to execute something. */
const EXECUTE_WAIT = 3000;
/** How often a moving session is followed before the client is asked to try again. */
const ATTEMPTS = 6;

export const GONE = Symbol("gone");

/** Surely not done: who serves the session hears nothing any more, though its lease has not lapsed. */
export class Unheard extends EngineFailure {
  constructor() {
    super("unavailable", "the node that serves the session does not listen");
  }
}

/** Runs something on a session; `execute` of the gateway. */
export type Execute = (session: Session, command: unknown) => Awaitable<unknown>;

export interface DirectoryParts {
  /** Id of this node. */
  readonly node: string;
  readonly peers: Peers;
  readonly nodes: LiveNodes;
  readonly host: SessionHost;
  readonly app: Application;
  readonly restoration: Restoration;
  readonly log: Log;
}

/** Which sessions this node serves, and the ways to one that it does not. */
export class Directory {
  readonly local = new Map<string, Session>();
  /** Runs commands; set by the gateway before the node starts. */
  execute: Execute = () => Promise.reject(new Error("not wired"));
  readonly #node: string;
  readonly #engine: Engine;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #peers: Peers;
  readonly #host: SessionHost;
  readonly #app: Application;
  readonly #restoration: Restoration;
  readonly #acquiring = new Map<string, Promise<Session | typeof GONE>>();
  readonly #remote = new Map<string, Mailbox>();
  readonly #parcels: Parcels;
  readonly #nodes: LiveNodes;
  /** Once no session comes here any more: a node that takes what is left; undefined when there is none. */
  #heir: (() => string | undefined) | null = null;

  constructor({ node, peers, nodes, host, app, restoration, log }: DirectoryParts) {
    this.#node = node;
    this.#engine = host.engine;
    this.#clock = host.clock;
    this.#log = log;
    this.#peers = peers;
    this.#nodes = nodes;
    this.#host = host;
    this.#app = app;
    this.#restoration = restoration;
    this.#parcels = new Parcels(app, host.clock, log);
  }

  /**
   * Puts a session under this node's care; its record was just created or claimed. `losses`: how often the store had lost
   * something before that.
   */
  adopt(id: string, fence: number, record: ConnectionRecord, fresh: boolean, losses: number): Session {
    const session = new Session(this.#host, id, fence, record, fresh, losses);
    session.receipts.onPresented = (said) => this.#app.presented(session, said);
    this.local.set(id, session);
    this.#parcels.forget(id);
    return session;
  }

  /**
   * Makes this node the one that serves the session. With `change` the record is changed in the same act (and the session is
   * claimed anew even if it is here); `change` answers null where the change is not due any more. With `from` only as long as that
   * node owns it.
   */
  acquire(
    id: string,
    change?: (record: ConnectionRecord) => Partial<ConnectionRecord> | null,
    from?: string,
  ): Awaitable<Session | typeof GONE> {
    const local = this.local.get(id);
    if (local && !local.gone && !change) return this.#settled(local);
    const under = this.#acquiring.get(id);
    if (under) return under.catch(() => GONE).then(() => this.acquire(id, change, from));
    const acquiring = this.#acquire(id, change, from).finally(() => this.#acquiring.delete(id));
    this.#acquiring.set(id, acquiring);
    return acquiring;
  }

  async #acquire(
    id: string,
    change: ((record: ConnectionRecord) => Partial<ConnectionRecord> | null) | undefined,
    from: string | undefined,
  ): Promise<Session | typeof GONE> {
    const loose = this.#parcels.of(id);
    let parcel = loose;
    // What the store has of it may be older than what is known here.
    const local = this.local.get(id);
    if (local?.uprooted) await this.#settled(local);
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      if (this.closed) throw new EngineFailure("unavailable", "this node is stopping");
      if (!this.#host.entitled()) throw new EngineFailure("unavailable", "this node has no lease");
      const { losses } = this.#restoration;
      const state = await this.#read(id, parcel);
      const record = state && parseRecord(state.fields);
      const restored = state && state.fields === parcel?.fields ? state.fields : {};
      if (!state || !record || (from !== undefined && state.owner !== from)) return GONE;
      // Somebody has claimed it since.
      if (parcel !== null && parcel === loose && parcel.fence < state.fence) parcel = null;
      const changed = change ? change(record) : {};
      if (changed === null) return GONE;
      parcel = (await this.#fetchParcel(id, state)) ?? parcel;
      const luggage = parcel?.luggage ?? null;
      let asked = 0;
      const claim = await insist(this.#clock, () => {
        asked += 1;
        return this.#engine.claimConnection(id, state.fence, { ...restored, ...formatRecord(changed) });
      });
      // What was asked again another store may have answered.
      if (asked > 1) await this.#restoration.check();
      // Removed, or lost: reading again tells.
      if (claim.outcome === "gone") continue;
      if (claim.outcome === "moved") {
        if (luggage !== null && claim.state.owner !== this.#node) {
          this.#peers.tell(claim.state.owner, { luggage, connection: id, fence: parcel?.fence });
        }
        await sleep(this.#clock, 10 * (attempt + 1));
        continue;
      }
      // What its last owner did is not in the luggage of one before it.
      const last = parcel !== null && parcel.fence >= state.fence;
      // One that was rewound meanwhile knows less than was known before.
      const lost = losses < this.#restoration.losses;
      const known = lost
        ? { ...state.fields, ...(last ? parcel?.fields : {}), ...formatRecord(changed) }
        : null;
      const now = parseRecord(known ?? claim.state.fields);
      if (!now) return GONE;
      const session = this.adopt(id, claim.state.fence, now, false, losses);
      session.bereft = !last && change === undefined;
      if (luggage !== null) session.unpacked = parcel?.fence ?? 0;
      this.#app.take(session, luggage, change !== undefined);
      session.unrestored = true;
      return this.#settled(session);
    }
    throw new EngineFailure("unavailable", "the session keeps moving");
  }

  /** Once all it reads is open. What fails now is tried again by whoever asks next, and by the sweep. */
  #settled(session: Session): Awaitable<Session> {
    if (!session.unrestored && !session.uprooted) return session;
    return session.mailbox.run(async () => {
      try {
        await this.#restoration.settle(session);
      } catch (failed) {
        session.keeper.judge(failed);
        throw failed;
      }
      return session;
    });
  }

  /**
   * What the store knows of a connection; null when there is none. A store that has lost it, or has an old record from before it
   * was rewound, is told again, by who has it here; as long as another node may be about to do that, it is unavailable. `parcel` is
   * given by who wants to claim it: null when there is none.
   */
  async #read(id: string, parcel?: Parcel | null): Promise<ConnectionState | null> {
    const read = (): Promise<ConnectionState | null> =>
      insist(this.#clock, () => this.#engine.readConnection(id));
    // Both at once, so that one store answers both: nobody claims what one says that was rewound a moment ago.
    const [state] = await Promise.all([read(), parcel === undefined || this.#restoration.check()]);
    if (state?.fields.era === JSON.stringify(this.#restoration.era)) return state;
    const session = this.local.get(id);
    if (!state && session && (await this.#restoration.restore(session))) return read();
    if (await this.#restoration.complete()) return state;
    if (!parcel || (state && state.fence > parcel.fence))
      throw new EngineFailure("unavailable", "the store may have lost the connection; its node restores it");
    const { fence, fields } = parcel;
    // It stands under this fence, so only a claim changes it.
    if (state?.fence === fence) return { ...state, fields };
    await insist(this.#clock, () => this.#engine.restoreConnection(id, fence, fields));
    return read();
  }

  /** Asks whoever serves it to let go, and takes what it packed. */
  async #fetchParcel(id: string, state: ConnectionState): Promise<Parcel | null> {
    if (this.local.has(id)) return this.letGo(id);
    if (state.owner === this.#node || !(await this.#nodes.has(state.owner))) return null;
    try {
      const { losses } = this.#restoration;
      const answer = await this.#peers.ask(state.owner, { op: "release", connection: id }, RELEASE_WAIT);
      const parcel = answer as Parcel | null;
      if (parcel) this.#parcels.keep(id, parcel, losses);
      return parcel;
    } catch (failed) {
      if (!(failed instanceof NoAnswer) && !(failed instanceof EngineFailure)) throw failed;
      return null;
    }
  }

  /**
   * No session comes here any more, and nothing is begun for those that are here: it is done by an heir, who takes the session for
   * that. Resolves when those that were on their way are here.
   */
  async close(heir: () => string | undefined): Promise<void> {
    this.#heir = heir;
    await Promise.allSettled(this.#acquiring.values());
  }

  get closed(): boolean {
    return this.#heir !== null;
  }

  /** Where a command goes that comes to a node which is going down. */
  async #bequeath(id: string): Promise<typeof MOVED> {
    const heir = this.#heir?.();
    if (heir === undefined) throw new EngineFailure("unavailable", "this node is stopping");
    await this.handOver(id, heir);
    return MOVED;
  }

  /** Asks another node to serve a session from now on. Never rejects: whoever is asked for it next, takes it. */
  async handOver(id: string, heir: string): Promise<void> {
    try {
      await this.#peers.ask(heir, { op: "take", connection: id, from: this.#node }, EXECUTE_WAIT);
    } catch (err) {
      this.#log.debug({ connection: id, err }, "a session was not handed over");
    }
  }

  /** Stops serving a session, once what is under way is done, and packs what the next owner must know. */
  async letGo(id: string): Promise<Parcel | null> {
    const session = this.local.get(id);
    if (!session || session.gone) return null;
    return session.mailbox.run(async () => {
      if (session.gone) return null;
      const parcel = await this.#parcels.pack(session);
      this.drop(session);
      return parcel;
    });
  }

  /** Takes back what was let go and not claimed before the store was lost. What can wait, waits for the next time. */
  async reclaim(): Promise<void> {
    const due = [...this.#parcels.due()];
    if (due.length === 0) return;
    await this.#restoration.check();
    for (const { id, parcel, losses } of due) {
      if (this.#parcels.of(id) !== parcel) continue;
      const lost = losses < this.#restoration.losses;
      // As long as its owner may be about to register it again, it is not ours.
      if (lost && this.#restoration.sinceLoss < CLAIM_WAIT) continue;
      const state = lost ? await insist(this.#clock, () => this.#engine.readConnection(id)) : undefined;
      // Nobody has claimed it in the store that there is now.
      if (state !== undefined && (state === null || state.fence <= parcel.fence)) await this.acquire(id);
      this.#parcels.forget(id);
    }
  }

  /** Forgets a session at once: somebody else has it, or it has ended. */
  drop(session: Session): void {
    session.release();
    if (this.local.get(session.id) === session) this.local.delete(session.id);
  }

  /** Somebody claimed it: with a higher fence than ours, ours is over. */
  claimed(id: string, fence: number): void {
    const session = this.local.get(id);
    if (session && session.fence < fence) this.drop(session);
    this.#parcels.claimed(id, fence);
  }

  /**
   * Has a command executed by whoever serves the session; here, if nobody alive does. In order for each session. Throws as well
   * as rejects.
   */
  command(id: string, command: unknown): Awaitable<unknown> {
    const session = this.local.get(id);
    if (!session || session.gone || this.closed || this.#remote.has(id))
      return this.#pursue(id, command, false);
    return then(this.#here(session, command), (done) =>
      done === MOVED || done === FENCED ? this.#pursue(id, command, done === FENCED) : done,
    );
  }

  /** `doubt`: an attempt of it was fenced. */
  #pursue(id: string, command: unknown, doubt: boolean): Promise<unknown> {
    let mailbox = this.#remote.get(id);
    if (!mailbox) {
      mailbox = new Mailbox(() => this.#remote.delete(id));
      this.#remote.set(id, mailbox);
    }
    return mailbox.run(() => this.#follow(id, command, doubt));
  }

  /** `doubt`: an attempt of it was fenced, and ones before that may have been done. */
  async #follow(id: string, command: unknown, doubt: boolean): Promise<unknown> {
    try {
      let done: unknown;
      for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
        done = await this.#attempt(id, command);
        if (done !== MOVED && done !== FENCED && done !== UNHEARD) return done;
        doubt ||= done === FENCED;
        await sleep(this.#clock, 20 * (attempt + 1));
      }
      if (done === UNHEARD) throw new Unheard();
      throw new EngineFailure("unavailable", "the session keeps moving");
    } catch (cause) {
      if (!doubt || !(cause instanceof EngineFailure) || cause.outcome !== "unavailable") throw cause;
      throw new EngineFailure("unknown", "an earlier attempt may have been done", { cause });
    }
  }

  async #attempt(id: string, command: unknown): Promise<unknown> {
    const session = this.local.get(id);
    if (session && !session.gone && !this.closed) return this.#here(session, command);
    const state = await this.#read(id);
    if (!state) return GONE;
    if (state.owner !== this.#node && (await this.#nodes.has(state.owner)))
      return this.#elsewhere(state.owner, id, command);
    if (this.closed) return this.#bequeath(id);
    const acquired = await this.acquire(id);
    return acquired === GONE ? GONE : this.#here(acquired, command);
  }

  #here(session: Session, command: unknown): Awaitable<unknown> {
    return session.mailbox.run(() => {
      if (session.gone || this.closed) return MOVED;
      if (!this.#host.entitled()) throw new EngineFailure("unavailable", "this node has no lease");
      return rescue(
        () => {
          const settled =
            session.uprooted || session.unrestored ? this.#restoration.settle(session) : undefined;
          return then(settled, () => this.execute(session, command));
        },
        (failed) => {
          session.keeper.judge(failed);
          // Fenced means that nothing was done here; the new owner decides what that means.
          if (failed instanceof EngineFailure && failed.outcome === "fenced") return FENCED;
          throw failed;
        },
      );
    });
  }

  async #elsewhere(owner: string, id: string, command: unknown): Promise<unknown> {
    let answer: unknown;
    try {
      answer = await this.#peers.ask(owner, { op: "execute", connection: id, command }, EXECUTE_WAIT);
    } catch (failed) {
      // Who has gone since the list was read has not got it.
      this.#nodes.doubt();
      if (failed instanceof EngineFailure && failed.outcome === "unavailable") return UNHEARD;
      if (failed instanceof NoAnswer) throw new EngineFailure("unknown", failed.message, { cause: failed });
      throw failed;
    }
    const { moved, fenced, failed, value } = answer as {
      moved?: boolean;
      fenced?: boolean;
      failed?: "unavailable" | "unknown";
      value?: unknown;
    };
    if (moved) return fenced ? FENCED : MOVED;
    if (failed) throw new EngineFailure(failed, "the node that serves the session said so");
    return value;
  }

  /** What another node asks of this one. */
  async asked(body: unknown): Promise<unknown> {
    const { op, connection, command, from } = body as {
      op: string;
      connection: string;
      command: unknown;
      from?: string;
    };
    switch (op) {
      case "release":
        return (await this.letGo(connection)) ?? this.#parcels.of(connection);
      case "take":
        if (!this.closed) await this.acquire(connection, undefined, from);
        return {};
      case "execute": {
        const session = this.local.get(connection);
        try {
          if (this.closed) {
            // It may be with a third node by now.
            if ((await this.#read(connection))?.owner === this.#node) await this.#bequeath(connection);
            return { moved: true };
          }
          if (!session || session.gone) return { moved: true };
          const value = await this.#here(session, command);
          if (value === MOVED || value === FENCED) return { moved: true, fenced: value === FENCED };
          (value as { after?: () => void } | null)?.after?.();
          return { value };
        } catch (failed) {
          if (failed instanceof EngineFailure) return { failed: failed.outcome };
          throw failed;
        }
      }
      default:
        throw new Error(`unknown question ${op}`);
    }
  }

  told(body: unknown): void {
    const said = body as { luggage?: unknown; connection?: string; fence?: number } | null | undefined;
    const { luggage, connection, fence } = said ?? {};
    const session = connection === undefined ? undefined : this.local.get(connection);
    if (!session || session.gone || luggage === undefined) return;
    // Two that wanted it were handed the same, and the one that got it has unpacked it.
    if (fence !== undefined && fence <= session.unpacked) return;
    session.unpacked = fence ?? session.unpacked;
    this.#app.receive(session, luggage);
  }
}

/** Nothing was done: the session is somewhere else. */
const MOVED = Symbol("moved");
/** The last attempt was not done, since the session is somewhere else; of those before it nobody knows. */
const FENCED = Symbol("fenced");
/** Nothing was done: the node that has the session does not listen. */
const UNHEARD = Symbol("unheard");
