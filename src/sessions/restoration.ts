import { type Engine, EngineFailure } from "../engine/contract.ts";
import { insist } from "../engine/insist.ts";
import type { Hub } from "../hub/hub.ts";
import type { Clock, Log } from "../ports.ts";
import type { Application } from "./application.ts";
import type { Lease } from "./lease.ts";
import { Mailbox } from "./mailbox.ts";
import { type ConnectionRecord, formatRecord } from "./record.ts";
import type { Session } from "./session.ts";

/** A topic that nobody writes: it has another epoch once the store may have lost something. */
const MARK = "mark:store";
/** Sessions that are registered at a time. */
const SLICE = 200;

export interface RestorationParts {
  readonly engine: Engine;
  readonly hub: Hub;
  readonly lease: Lease;
  readonly clock: Clock;
  readonly log: Log;
  readonly app: () => Application;
  readonly sessions: () => Iterable<Session>;
}

/**
 * Writes again what a store that came back empty, or rewound, has lost of this node's sessions (docs/decisions/0004-empty-store.md).
 */
export class Restoration {
  readonly #parts: RestorationParts;
  readonly #looks = new Mailbox();
  /** How often the store has lost something, as far as is known here. */
  losses = 0;
  #epoch: string | null = null;
  /** Monotonic milliseconds. */
  #noticedAt = Number.NEGATIVE_INFINITY;
  #registering = 0;

  constructor(parts: RestorationParts) {
    this.#parts = parts;
  }

  /** What the store is, in a word that changes when it has lost something; null before anybody asked. */
  get era(): string | null {
    return this.#epoch;
  }

  /** Looks whether the store still is the one that it was. Rejects with an EngineFailure. */
  check(): Promise<void> {
    // One look at a time: answers that overtook each other would look like a loss.
    return this.#looks.run(() => this.#look());
  }

  /** Something may have been lost. What cannot be found out now, the sweep finds out. */
  doubt(): void {
    this.check().catch((err: unknown) =>
      this.#parts.log.debug({ err }, "whether the store has lost something is found out later"),
    );
  }

  /**
   * Whether what the store does not know does not exist. For a while after a loss it may belong to a node that has not
   * registered it again yet.
   */
  async complete(): Promise<boolean> {
    await this.check();
    return this.sinceLoss >= this.#parts.lease.duration;
  }

  /** Milliseconds since a loss was noticed. */
  get sinceLoss(): number {
    return this.#parts.clock.monotonic() - this.#noticedAt;
  }

  /** A refused operation may mean that the store has lost the record: then it is written again, and the answer is true. */
  async restore(session: Session): Promise<boolean> {
    await this.check();
    if (session.gone || !session.uprooted) return false;
    await this.#write(session);
    return true;
  }

  /** All that the store has to know of a session. In the session's turn; may be repeated. */
  async register(session: Session): Promise<void> {
    if (session.gone || !session.uprooted) return;
    const { losses } = this;
    await this.#write(session);
    await this.#reopen(session);
    await this.#enroll(session);
    session.losses = losses;
  }

  /**
   * Before anything is done for a session: what the store knows of it by half would have its numbers begin again. In its turn.
   * Fails as `unavailable` or `fenced`: nothing was done.
   */
  async settle(session: Session): Promise<void> {
    try {
      await this.register(session);
      await this.#reopen(session);
    } catch (failed) {
      if (!(failed instanceof EngineFailure) || failed.outcome !== "unknown") throw failed;
      throw new EngineFailure("unavailable", "the session is not whole yet", { cause: failed });
    }
  }

  /** Sessions are being registered; who failed is tried again after that. */
  get busy(): boolean {
    return this.#registering > 0;
  }

  async #reopen(session: Session): Promise<void> {
    if (session.gone || !session.unrestored) return;
    if (this.#epoch === null) await this.check();
    const { record } = session;
    // Nobody has registered it since the store was rewound: the record may be an old one, and is all that is known.
    if (record.era !== this.#epoch) record.uprooted = true;
    await this.#parts.app().reopen(session);
    if (record.uprooted) await this.#enroll(session);
    session.unrestored = false;
  }

  /** Rooms and line, and then the whole record: what stood there, or was under way when the store was lost, is older. */
  async #enroll(session: Session): Promise<void> {
    const { era } = this;
    await this.#parts.app().register(session);
    await session.keeper.rewrite({ uprooted: false, era });
  }

  async #look(): Promise<void> {
    const { engine, clock, hub, lease, log } = this.#parts;
    const { epoch } = await engine.position(MARK);
    const before = this.#epoch;
    this.#epoch = epoch;
    if (before === null || before === epoch) return;
    this.losses += 1;
    this.#noticedAt = clock.monotonic();
    log.warn({}, "the store has come back empty or rewound; this node's sessions are registered again");
    hub.doubt();
    // Whoever finds one of the records must find their owner alive, too.
    await lease.renew().catch((err: unknown) => log.warn({ err }, "the lease could not be renewed"));
    void this.#registerAll();
  }

  async #registerAll(): Promise<void> {
    this.#registering += 1;
    const sessions = [...this.#parts.sessions()];
    for (let at = 0; at < sessions.length; at += SLICE) {
      await Promise.all(sessions.slice(at, at + SLICE).map((session) => this.#attempt(session)));
    }
    this.#registering -= 1;
  }

  async #attempt(session: Session): Promise<void> {
    try {
      await session.mailbox.run(() => this.register(session));
    } catch (failed) {
      session.keeper.judge(failed);
      this.#parts.log.debug({ connection: session.id, err: failed }, "a session is registered again later");
    }
  }

  /** The highest fence wins: fails as `fenced` where another node has taken it over. */
  async #write(session: Session): Promise<void> {
    const { engine, clock } = this.#parts;
    const record: ConnectionRecord = { ...session.record, uprooted: true };
    await insist(clock, () => engine.restoreConnection(session.id, session.fence, formatRecord(record)));
  }
}
