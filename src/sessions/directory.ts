import type { ConnectionState, Engine } from "../engine/contract.ts";
import { EngineFailure } from "../engine/contract.ts";
import { insist, sleep } from "../engine/insist.ts";
import type { Clock, Log } from "../ports.ts";
import type { Application } from "./application.ts";
import { Mailbox } from "./mailbox.ts";
import { NoAnswer, type Peers } from "./peers.ts";
import { type ConnectionRecord, formatRecord, parseRecord } from "./record.ts";
import { Session, type SessionHost } from "./session.ts";

/** Milliseconds that a live owner gets to let go before the session is taken from it. */
const RELEASE_WAIT = 500;
/** Milliseconds that a live owner gets to execute something. */
const EXECUTE_WAIT = 3000;
/** How often a moving session is followed before the client is asked to try again. */
const ATTEMPTS = 6;
/** Milliseconds for which the list of live nodes is believed. */
const NODES_AGE = 500;

export const GONE = Symbol("gone");

/** Runs something on a session; `execute` of the gateway. */
export type Execute = (session: Session, command: unknown) => Promise<unknown>;

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
  readonly #acquiring = new Map<string, Promise<Session | typeof GONE>>();
  readonly #remote = new Map<string, Mailbox>();
  #alive: { at: number; nodes: Set<string> } | null = null;

  constructor(node: string, peers: Peers, host: SessionHost, app: Application, log: Log) {
    this.#node = node;
    this.#engine = host.engine;
    this.#clock = host.clock;
    this.#log = log;
    this.#peers = peers;
    this.#host = host;
    this.#app = app;
  }

  /** Puts a new session under this node's care; its record was just created. */
  adopt(id: string, fence: number, record: ConnectionRecord, fresh: boolean): Session {
    const session = new Session(this.#host, id, fence, record, fresh);
    session.onPresented = (said) => this.#app.presented(session, said);
    this.local.set(id, session);
    return session;
  }

  /**
   * Makes this node the one that serves the session. With `change` the record is changed in the same act (and the session is
   * claimed anew even if it is here); `change` answers null where the change is not due any more.
   */
  acquire(
    id: string,
    change?: (record: ConnectionRecord) => Partial<ConnectionRecord> | null,
  ): Promise<Session | typeof GONE> {
    const local = this.local.get(id);
    if (local && !local.gone && !change) return Promise.resolve(local);
    const under = this.#acquiring.get(id);
    if (under) return under.catch(() => GONE).then(() => this.acquire(id, change));
    const acquiring = this.#acquire(id, change).finally(() => this.#acquiring.delete(id));
    this.#acquiring.set(id, acquiring);
    return acquiring;
  }

  async #acquire(
    id: string,
    change: ((record: ConnectionRecord) => Partial<ConnectionRecord> | null) | undefined,
  ): Promise<Session | typeof GONE> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      if (!this.#host.entitled()) throw new EngineFailure("unavailable", "this node has no lease");
      const state = await insist(this.#clock, () => this.#engine.readConnection(id));
      const record = state && parseRecord(state.fields);
      if (!state || !record) return GONE;
      const changed = change ? change(record) : {};
      if (changed === null) return GONE;
      const luggage = await this.#fetchLuggage(id, state);
      const claim = await insist(this.#clock, () =>
        this.#engine.claimConnection(id, state.fence, formatRecord(changed)),
      );
      if (claim.outcome === "gone") return GONE;
      if (claim.outcome === "moved") {
        if (luggage !== null && claim.state.owner !== this.#node) {
          this.#peers.tell(claim.state.owner, { luggage, connection: id });
        }
        await sleep(this.#clock, 10 * (attempt + 1));
        continue;
      }
      const now = parseRecord(claim.state.fields);
      if (!now) return GONE;
      const session = this.adopt(id, claim.state.fence, now, false);
      session.bereft = luggage === null && change === undefined;
      try {
        await session.mailbox.run(() => this.#app.restore(session, luggage, change !== undefined));
      } catch (failed) {
        // The record is ours; whoever asks next starts again from it.
        this.drop(session);
        throw failed;
      }
      return session;
    }
    throw new EngineFailure("unavailable", "the session keeps moving");
  }

  /** Asks whoever serves it to let go, and takes what it packed. */
  async #fetchLuggage(id: string, state: ConnectionState): Promise<unknown> {
    if (this.local.has(id)) return this.letGo(id);
    if (state.owner === this.#node || !(await this.alive(state.owner))) return null;
    try {
      return await this.#peers.ask(state.owner, { op: "release", connection: id }, RELEASE_WAIT);
    } catch (failed) {
      if (!(failed instanceof NoAnswer) && !(failed instanceof EngineFailure)) throw failed;
      return null;
    }
  }

  /** Stops serving a session, once what is under way is done, and packs what the next owner must know. */
  async letGo(id: string): Promise<unknown> {
    const session = this.local.get(id);
    if (!session || session.gone) return null;
    return session.mailbox.run(async () => {
      if (session.gone) return null;
      try {
        await session.checkpoint();
      } catch (err) {
        this.#log.warn({ connection: id, err }, "a session moved without its last checkpoint");
      }
      const luggage = this.#app.pack(session);
      this.drop(session);
      return luggage;
    });
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
  }

  async alive(node: string): Promise<boolean> {
    const now = this.#clock.monotonic();
    if (!this.#alive || now - this.#alive.at > NODES_AGE) {
      const leases = await insist(this.#clock, () => this.#engine.nodes());
      this.#alive = { at: now, nodes: new Set(leases.filter((l) => l.remaining > 0).map((l) => l.node)) };
    }
    return this.#alive.nodes.has(node);
  }

  /** Has a command executed by whoever serves the session; here, if nobody alive does. In order for each session. */
  async command(id: string, command: unknown): Promise<unknown> {
    const session = this.local.get(id);
    if (session && !session.gone && !this.#remote.has(id)) {
      const done = await this.#here(session, command);
      if (done !== MOVED) return done;
    }
    let mailbox = this.#remote.get(id);
    if (!mailbox) {
      mailbox = new Mailbox(() => this.#remote.delete(id));
      this.#remote.set(id, mailbox);
    }
    return mailbox.run(() => this.#follow(id, command));
  }

  async #follow(id: string, command: unknown): Promise<unknown> {
    for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
      const session = this.local.get(id);
      if (session && !session.gone) {
        const done = await this.#here(session, command);
        if (done !== MOVED) return done;
        continue;
      }
      const state = await insist(this.#clock, () => this.#engine.readConnection(id));
      if (!state) return GONE;
      if (state.owner !== this.#node && (await this.alive(state.owner))) {
        const answer = await this.#elsewhere(state.owner, id, command);
        if (answer !== MOVED) return answer;
        await sleep(this.#clock, 20 * (attempt + 1));
        continue;
      }
      if ((await this.acquire(id)) === GONE) return GONE;
    }
    throw new EngineFailure("unavailable", "the session keeps moving");
  }

  #here(session: Session, command: unknown): Promise<unknown> {
    return session.mailbox.run(async () => {
      if (session.gone) return MOVED;
      if (!this.#host.entitled()) throw new EngineFailure("unavailable", "this node has no lease");
      try {
        return await this.execute(session, command);
      } catch (failed) {
        session.judge(failed);
        // Fenced means that nothing was done here; the new owner decides what that means.
        if (failed instanceof EngineFailure && failed.outcome === "fenced") return MOVED;
        throw failed;
      }
    });
  }

  async #elsewhere(owner: string, id: string, command: unknown): Promise<unknown> {
    let answer: unknown;
    try {
      answer = await this.#peers.ask(owner, { op: "execute", connection: id, command }, EXECUTE_WAIT);
    } catch (failed) {
      if (failed instanceof NoAnswer) throw new EngineFailure("unknown", failed.message, { cause: failed });
      throw failed;
    }
    const { moved, failed, value } = answer as {
      moved?: boolean;
      failed?: "unavailable" | "unknown";
      value?: unknown;
    };
    if (moved) return MOVED;
    if (failed) throw new EngineFailure(failed, "the node that serves the session said so");
    return value;
  }

  /** What another node asks of this one. */
  async asked(body: unknown): Promise<unknown> {
    const { op, connection, command } = body as { op: string; connection: string; command: unknown };
    switch (op) {
      case "release":
        return (await this.letGo(connection)) ?? null;
      case "execute": {
        const session = this.local.get(connection);
        if (!session || session.gone) return { moved: true };
        try {
          const value = await this.#here(session, command);
          if (value === MOVED) return { moved: true };
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
    const { luggage, connection } = body as { luggage?: unknown; connection?: string };
    const session = connection === undefined ? undefined : this.local.get(connection);
    if (session && !session.gone && luggage !== undefined) this.#app.receive(session, luggage);
  }
}

const MOVED = Symbol("moved");
