import type { Engine } from "../engine/contract.ts";
import { insist } from "../engine/insist.ts";
import type { Hub } from "../hub/hub.ts";
import type { Clock, Log, Timer } from "../ports.ts";
import type { Application } from "./application.ts";
import { type Directory, GONE } from "./directory.ts";
import type { Lease } from "./lease.ts";
import type { Restoration } from "./restoration.ts";
import type { Session } from "./session.ts";
import type { SlowConsumers } from "./slow-consumers.ts";
import type { SessionTimes } from "./times.ts";

/** Nothing has carried a session for so long: others see it as away. Milliseconds. */
const AWAY_AFTER = 5000;
/** An ended session is remembered so long, for its client to be told. Milliseconds. */
const ENDED_KEPT = 60_000;
/** A session for which there is nothing to do is looked at again after so long, should nobody have stirred it. Milliseconds. */
const LOOK = 10_000;
/** Ids looked at in one operation. */
const PAGE = 500;

export interface SweepParts {
  readonly node: string;
  readonly engine: Engine;
  readonly hub: Hub;
  readonly directory: Directory;
  readonly app: Application;
  readonly lease: Lease;
  readonly restoration: Restoration;
  readonly slow: SlowConsumers;
  readonly clock: Clock;
  readonly log: Log;
  readonly times: SessionTimes;
  readonly end: (session: Session, reason: string) => Promise<void>;
}

/** What time does to sessions: held connects fall due, the silent expire, orphans find a node. One timer for all. */
export class Sweep {
  readonly #parts: SweepParts;
  readonly #interval: number;
  readonly #busy = new Set<Session>();
  #timer: Timer | null = null;
  #nextSecond = 0;
  #nextOrphans = 0;
  #stopped = false;

  constructor(parts: SweepParts) {
    this.#parts = parts;
    this.#interval = Math.max(20, Math.min(500, parts.times.timeout / 50));
  }

  start(): void {
    this.#timer = this.#parts.clock.after(this.#interval, () => {
      this.#tick();
      if (!this.#stopped) this.start();
    });
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
  }

  #tick(): void {
    const { directory, hub, lease, clock, restoration } = this.#parts;
    const now = clock.monotonic();
    for (const session of directory.local.values()) if (now >= session.dueAt) session.tick(now);
    if (!lease.valid) return;
    if (now >= this.#nextSecond) {
      this.#nextSecond = now + 1000;
      // Most are carried and have nothing to be written: of these nothing is looked at but that.
      const all = restoration.sinceLoss < lease.duration;
      for (const session of directory.local.values()) {
        if (all || session.restless || now >= session.lookAt) this.#care(session, now);
      }
      void this.#reclaim();
      hub.sweep();
    }
    if (now >= this.#nextOrphans) {
      this.#nextOrphans = now + lease.duration / 2;
      this.#orphans().catch((err: unknown) =>
        this.#parts.log.warn({ err }, "orphaned sessions could not be looked for"),
      );
    }
  }

  #care(session: Session, now: number): void {
    if (session.gone || this.#busy.has(session)) return;
    session.lookAt = now + LOOK;
    session.restless = this.#tend(session, now);
  }

  /** Whether there may be more to do in a second, whatever happens until then. */
  #tend(session: Session, now: number): boolean {
    const { app, end, times, directory, engine, clock, restoration, slow } = this.#parts;
    const { record } = session;
    const adrift = session.carriage.carried ? null : session.carriage.adriftSince;
    if (session.endedAt !== null) {
      if (session.unfinished) {
        this.#do(session, async () => {
          await app.leave(session, record.ended?.reason ?? "ended");
          session.unfinished = false;
        });
      } else if (now - session.endedAt >= ENDED_KEPT) {
        this.#do(session, async () => {
          await insist(clock, () => engine.removeConnection(session.id, session.fence));
          directory.drop(session);
        });
      }
      return true;
    }
    if (record.ended) {
      // Taken over from a node that had not finished ending it.
      session.endedAt = now;
      session.unfinished = true;
      return true;
    }
    if (session.uprooted || session.unrestored) {
      if (!restoration.busy) this.#do(session, () => restoration.settle(session));
    } else if (session.lapsed && !session.ours) {
      // Ours may come back with another credential and go on.
      this.#do(session, () => end(session, "its credential has ended"));
    } else if (adrift !== null && now - Math.max(session.lastSeen, adrift) >= times.grace) {
      this.#do(session, () => end(session, "expired"));
    } else if (adrift !== null && now - adrift >= AWAY_AFTER && session.away !== true) {
      this.#do(session, () => this.#presence(session, true));
    } else if (adrift === null && session.away !== false) {
      this.#do(session, () => this.#presence(session, false));
    } else if (session.unwritten || slow.suspects(session)) {
      this.#do(session, async () => {
        await session.checkpoint();
        await slow.judge(session);
      });
    } else {
      return adrift !== null;
    }
    return true;
  }

  async #reclaim(): Promise<void> {
    if (this.#reclaiming) return;
    this.#reclaiming = true;
    try {
      await this.#parts.directory.reclaim();
    } catch (err) {
      this.#parts.log.debug({ err }, "sessions on their way are looked after later");
    } finally {
      this.#reclaiming = false;
    }
  }
  #reclaiming = false;

  async #presence(session: Session, away: boolean): Promise<void> {
    await this.#parts.app.presence(session, away);
    session.away = away;
  }

  /** In the session's turn, one thing at a time; what fails is tried again a second later. */
  #do(session: Session, task: () => Promise<void>): void {
    this.#busy.add(session);
    session.mailbox
      .run(async () => {
        if (!session.gone && this.#parts.lease.valid) await task();
      })
      .catch((failed: unknown) => {
        session.keeper.judge(failed);
        this.#parts.log.debug({ connection: session.id, err: failed }, "a session's upkeep is tried again");
      })
      .finally(() => this.#busy.delete(session));
  }

  /**
   * Takes over what lapsed nodes own, and what this node owns without serving it. Only after a lease of one full
   * length: when everybody was cut off from the engine, the first one back must not end everybody.
   */
  async #orphans(): Promise<void> {
    const { node, engine, lease, directory, restoration } = this.#parts;
    await restoration.check();
    if (lease.heldFor < lease.duration) return;
    for (const other of await engine.nodes()) {
      if (other.node !== node && other.remaining > 0) continue;
      let after: string | null = null;
      do {
        const owned: readonly string[] = await engine.ownedConnections(other.node, after, PAGE);
        after = owned.length === PAGE ? owned.at(-1)! : null;
        for (const id of owned) {
          if (this.#stopped || !lease.valid) return;
          if (!directory.local.has(id)) await this.#adopt(id, other.node);
        }
      } while (after !== null);
    }
  }

  async #adopt(id: string, from: string): Promise<void> {
    const { directory, log } = this.#parts;
    try {
      // What it owned a moment ago may have moved on to where somebody waits for it.
      if ((await directory.acquire(id, undefined, from)) !== GONE)
        log.debug({ connection: id, from }, "a session was taken over");
    } catch (err) {
      log.debug({ connection: id, from, err }, "a session could not be taken over yet");
    }
  }
}
