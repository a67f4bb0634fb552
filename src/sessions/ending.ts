import type { Clock, Log } from "../ports.ts";
import type { Link } from "./gateway.ts";
import type { Links } from "./links.ts";
import type { Session } from "./session.ts";

/** Milliseconds between the last words on a socket and its end: clients like to close it themselves (BAYEUX 1.8). */
const CLOSING = 1000;

export interface Ending {
  readonly reason: string;
  /** What a client that connects afterwards is to do: stay away, or start over. */
  readonly reconnect: "none" | "handshake";
  /** What is said to a connect that is held at the end; the same when not given. */
  readonly held?: "none";
  /** Said on the line before the end. */
  readonly goodbye?: object;
}

/** Ends sessions. Called in the session's turn. */
export class Endings {
  readonly #leave: (session: Session, reason: string) => Promise<void>;
  readonly #links: Links;
  readonly #clock: Clock;
  readonly #log: Log;
  /** Whether nothing else is carried by this link. */
  idle: (link: Link) => boolean = () => true;

  /** `leave`: leaves everything; may be repeated. */
  constructor(
    leave: (session: Session, reason: string) => Promise<void>,
    links: Links,
    clock: Clock,
    log: Log,
  ) {
    this.#leave = leave;
    this.#links = links;
    this.#clock = clock;
    this.#log = log;
  }

  /** First written down, so that whoever takes the session over goes on with it; then everything is left. */
  async end(session: Session, ending: Ending): Promise<void> {
    const { record } = session;
    if (record.ended) return;
    const { reason, reconnect, goodbye, held = reconnect } = ending;
    await session.keeper.amend({ ended: { reason, reconnect } });
    session.endedAt = this.#clock.monotonic();
    session.unfinished = true;
    session.stir();
    if (goodbye && record.line) session.outbox.push(goodbye);
    const { stream } = session.carriage;
    session.bye(held);
    // What is not handed over by now is owed to nobody any more, but a goodbye is kept for a client between two polls.
    if (!goodbye) session.outbox.takeReplies();
    try {
      await this.#leave(session, reason);
      session.unfinished = false;
    } catch (err) {
      this.#log.warn(
        { connection: session.id, err },
        "a session has ended but not left everything; tried again",
      );
    }
    if (!stream) return;
    this.#clock.after(CLOSING, () => {
      if (this.idle(stream)) this.#links.end(stream, 1000, reason);
    });
  }
}
