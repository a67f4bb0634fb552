import type { Clock, Log } from "../ports.ts";
import type { Application } from "./application.ts";
import { formatRecord } from "./record.ts";
import type { Session } from "./session.ts";

/** Milliseconds that the next owner gets to claim what was let go. */
export const CLAIM_WAIT = 1000;

/** What a node hands over with a session. */
export interface Parcel {
  /** What the application packed. */
  readonly luggage: unknown;
  /** The record as it was, should the store lose it on the way. */
  readonly fence: number;
  readonly fields: Record<string, string>;
}

interface Loose {
  readonly parcel: Parcel;
  /** How often the store had been lost before. */
  readonly losses: number;
  /** Monotonic milliseconds. */
  readonly since: number;
}

/**
 * What sessions are handed over with. What was let go and, as far as is known here, not claimed yet, stays: if the store is lost
 * just then, nobody else knows it.
 */
export class Parcels {
  readonly #app: Application;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #loose = new Map<string, Loose>();

  constructor(app: Application, clock: Clock, log: Log) {
    this.#app = app;
    this.#clock = clock;
    this.#log = log;
  }

  /** Writes down what is to be read elsewhere, and packs the rest. In the session's turn; nothing is handed to its client any more. */
  async pack(session: Session): Promise<Parcel> {
    session.leaving = true;
    try {
      await session.checkpoint();
    } catch (err) {
      this.#log.warn({ connection: session.id, err }, "a session moved without its last checkpoint");
    }
    const luggage = this.#app.pack(session);
    const fields = formatRecord({ ...session.record, uprooted: true });
    const parcel = { luggage, fence: session.fence, fields };
    this.keep(session.id, parcel, session.losses);
    return parcel;
  }

  keep(id: string, parcel: Parcel, losses: number): void {
    this.#loose.set(id, { parcel, losses, since: this.#clock.monotonic() });
  }

  /** Null when none is known. */
  of(id: string): Parcel | null {
    return this.#loose.get(id)?.parcel ?? null;
  }

  /** Of those that should have been claimed by now. */
  *due(): Iterable<{ id: string; parcel: Parcel; losses: number }> {
    const before = this.#clock.monotonic() - CLAIM_WAIT;
    for (const [id, { parcel, losses, since }] of this.#loose)
      if (since <= before) yield { id, parcel, losses };
  }

  /** It is served under this fence. */
  claimed(id: string, fence: number): void {
    const parcel = this.of(id);
    if (parcel && parcel.fence < fence) this.#loose.delete(id);
  }

  forget(id: string): void {
    this.#loose.delete(id);
  }
}
