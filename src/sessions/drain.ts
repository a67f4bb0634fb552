import { sleep } from "../engine/insist.ts";
import type { Clock, Random } from "../ports.ts";
import type { Directory } from "./directory.ts";
import type { Link } from "./gateway.ts";
import type { Links } from "./links.ts";
import type { Session } from "./session.ts";

/** Milliseconds between two looks at who is to go. */
const LOOK = 100;
/** Milliseconds after which a client comes back whose time has come. */
const SOON = 100;
/** Milliseconds that a client gets to close its socket itself (BAYEUX 1.8). */
const CLOSING = 1000;
const GOING_AWAY = 1001;
const LAST_WORD = "server shutting down";

export interface DrainParts {
  readonly directory: Directory;
  readonly links: Links;
  readonly clock: Clock;
  readonly random: Random;
  /** Whether nothing else is carried by this link. */
  readonly idle: (link: Link) => boolean;
}

/** Sends the sessions of a node that goes down to others, each at a time of its own. What they have begun here goes on. */
export class Drain {
  readonly #parts: DrainParts;
  /** Monotonic milliseconds. */
  readonly #due = new Map<Session, number>();
  #over = false;

  constructor(parts: DrainParts) {
    this.#parts = parts;
  }

  /**
   * Until `stop`; never rejects. `spread`: milliseconds over which they go; those that come meanwhile go so long after that, at most.
   * `heirs`: the nodes that are there for them.
   */
  async run(spread: number, heirs: () => Promise<readonly string[]>): Promise<void> {
    const { directory, clock, random } = this.#parts;
    while (!this.#over) {
      const now = clock.monotonic();
      const leaving: Session[] = [];
      for (const session of directory.local.values()) {
        const due = this.#due.get(session) ?? now + random.fraction() * spread;
        if (now < due) this.#due.set(session, due);
        else if (session.endedAt === null) leaving.push(session);
      }
      const nodes = leaving.length > 0 ? await heirs() : [];
      for (const session of leaving) {
        this.#due.delete(session);
        const heir = nodes[Math.floor(random.fraction() * nodes.length)];
        if (heir !== undefined && !this.#over) void this.#depart(session, heir);
      }
      await sleep(clock, LOOK);
    }
  }

  stop(): void {
    this.#over = true;
  }

  async #depart(session: Session, heir: string): Promise<void> {
    const { directory, links, clock, idle } = this.#parts;
    const { stream } = session.carriage;
    const resumes = session.drain(SOON);
    if (!resumes) await directory.handOver(session.id, heir);
    if (stream?.transport !== "websocket") return;
    const close = (): void => {
      if (idle(stream)) links.end(stream, GOING_AWAY, LAST_WORD);
    };
    if (resumes) clock.after(CLOSING, close);
    else close();
  }
}
