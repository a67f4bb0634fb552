import { type Engine, roomTopic } from "../engine/contract.ts";
import type { Log } from "../ports.ts";
import type { Link } from "./gateway.ts";
import type { Links } from "./links.ts";
import type { Session } from "./session.ts";

/** What happens when the log no longer has what a connection is owed that does not read. */
export type Slowness = "gap" | "disconnect";

export interface SlowConsumersParts {
  readonly engine: Engine;
  readonly links: Links;
  readonly log: Log;
  readonly policy: Slowness;
  /** Rooms with a policy of their own, by name. */
  readonly inRooms: Readonly<Record<string, Slowness>>;
}

/** A policy violation, as RFC 6455 has it. */
const POLICY_VIOLATION = 1008;

/**
 * Connections that read more slowly than their rooms are spoken in. What one of them is owed waits in the log and not in
 * memory; this looks whether the log still has it.
 */
export class SlowConsumers {
  readonly #parts: SlowConsumersParts;
  readonly #byTopic: ReadonlyMap<string, Slowness>;
  readonly #told = new WeakSet<Link>();
  /** How many were disconnected since the start. */
  disconnected = 0;

  constructor(parts: SlowConsumersParts) {
    this.#parts = parts;
    this.#byTopic = new Map(Object.entries(parts.inRooms).map(([room, policy]) => [roomTopic(room), policy]));
  }

  /** Whether there may be something to judge. */
  suspects({ carriage: { stream } }: Session): boolean {
    return stream !== null && !stream.writable && !this.#told.has(stream);
  }

  /** Closes what carries the session if it does not read, and what it is owed of a topic is lost to it. */
  async judge(session: Session): Promise<void> {
    const { engine, links, log, policy } = this.#parts;
    const { stream } = session.carriage;
    if (stream === null || !this.suspects(session)) return;
    for (const { topic, position } of session.outbox.behind) {
      if ((this.#byTopic.get(topic) ?? policy) !== "disconnect") continue;
      const { missed } = await engine.read(topic, position, 1);
      // Null: the log itself was lost, which is nobody's slowness.
      if (!missed || session.carriage.stream !== stream || stream.writable) continue;
      this.#told.add(stream);
      this.disconnected += 1;
      log.info({ connection: session.id, topic }, "a slow consumer was disconnected");
      links.end(stream, POLICY_VIOLATION, "slow consumer");
      return;
    }
  }
}
