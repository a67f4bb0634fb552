import type { Engine } from "../engine/contract.ts";
import type { Clock, Log, Timer } from "../ports.ts";

export interface LeaseEvents {
  /** The lease can no longer be proven: stop delivering and executing. */
  lapsed(): void;
  /** Proven again after a lapse. What other nodes took over meanwhile must be asked for. */
  regained(): Promise<void>;
}

/** This node's lease: while it is valid nobody else serves this node's sessions. */
export class Lease {
  readonly #engine: Engine;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #events: LeaseEvents;
  /** Milliseconds. */
  readonly duration: number;
  readonly #margin: number;
  #sentMonotonic = Number.NEGATIVE_INFINITY;
  #sentWall = 0;
  #heldSince: number | null = null;
  #lapsed = true;
  #timer: Timer | null = null;
  #stopped = false;

  constructor(engine: Engine, clock: Clock, log: Log, duration: number, events: LeaseEvents) {
    this.#engine = engine;
    this.#clock = clock;
    this.#log = log;
    this.duration = duration;
    this.#margin = duration / 5;
    this.#events = events;
  }

  async start(): Promise<void> {
    await this.renew();
    this.#lapsed = false;
    this.#schedule();
  }

  /**
   * Whether other nodes surely still see the lease. The wall clock is looked at too: a machine that was suspended may have
   * stopped the monotonic one.
   */
  get valid(): boolean {
    if (this.#lapsed) return false;
    const elapsed = this.#clock.monotonic() - this.#sentMonotonic;
    const wall = this.#clock.now() - this.#sentWall;
    const jumped = Math.abs(wall - elapsed) > this.#margin;
    if (elapsed < this.duration - this.#margin && !jumped) return true;
    this.#lapse();
    return false;
  }

  /** Milliseconds for which it has been held without a lapse. */
  get heldFor(): number {
    return this.#heldSince === null ? 0 : this.#clock.monotonic() - this.#heldSince;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    this.#timer?.cancel();
    await this.#engine.releaseLease();
  }

  #lapse(): void {
    if (this.#lapsed) return;
    this.#lapsed = true;
    this.#heldSince = null;
    this.#log.warn({}, "this node's lease has lapsed; its sessions wait until it is proven again");
    this.#events.lapsed();
  }

  #schedule(): void {
    if (this.#stopped) return;
    this.#timer = this.#clock.after(this.duration / 4, () => void this.#tick());
  }

  async #tick(): Promise<void> {
    // Asked first, so that a pause is noticed before the renewal hides it.
    const held = this.valid;
    try {
      await this.renew();
      if (!held || this.#lapsed) {
        await this.#events.regained();
        this.#lapsed = false;
        this.#heldSince = this.#clock.monotonic();
        this.#log.info({}, "this node's lease is proven again");
      }
    } catch (err) {
      this.#log.warn({ err }, "the lease could not be renewed");
    }
    this.#schedule();
  }

  async renew(): Promise<void> {
    const monotonic = this.#clock.monotonic();
    const wall = this.#clock.now();
    await this.#engine.renewLease(this.duration);
    this.#sentMonotonic = monotonic;
    this.#sentWall = wall;
    this.#heldSince ??= monotonic;
  }
}
