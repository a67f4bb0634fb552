import { z } from "zod";
import type { Endings } from "../sessions/ending.ts";
import type { Session } from "../sessions/session.ts";
import { lifeOf } from "./life.ts";
import type { Change, Membership } from "./membership.ts";

/** What the server asks of a connection, wherever it is served. */
const command = z.discriminatedUnion("kind", [
  z.object({
    kind: z.literal("respond"),
    text: z.string(),
    pending: z.union([z.string(), z.number(), z.null()]),
  }),
  z.object({ kind: z.literal("disconnect"), reason: z.string(), willRetry: z.boolean() }),
  z.object({ kind: z.literal("add"), room: z.string() }),
  z.object({ kind: z.literal("remove"), room: z.string() }),
  z.object({ kind: z.literal("listen"), room: z.string() }),
  z.object({ kind: z.literal("silence"), room: z.string() }),
]);

export type ServerCommand = z.infer<typeof command>;

/** Does what the server asks of a connection. Called in the session's turn; answers whether it changed anything. */
export class ServerCommands {
  readonly #membership: Membership;
  readonly #endings: Endings;

  constructor(membership: Membership, endings: Endings) {
    this.#membership = membership;
    this.#endings = endings;
  }

  async run(session: Session, said: unknown): Promise<boolean> {
    const asked = command.parse(said);
    const { record, outbox } = session;
    if (record.ended || (record.line === null && asked.kind !== "disconnect")) return false;
    switch (asked.kind) {
      case "respond": {
        const life = lifeOf(session);
        // It is repeated until it is known to have come.
        if (asked.pending !== null) {
          if (life.forwarded.has(asked.pending)) return false;
          life.forwarded.add(asked.pending);
        }
        for (const [key, { messageId }] of life.pending)
          if (messageId === asked.pending) life.pending.delete(key);
        // It may be lost on its way, and be asked for again.
        if (asked.pending !== null) {
          life.remember(asked.pending, asked.text);
          await this.#journal(session, String(asked.pending), asked.text);
        }
        outbox.pushText(asked.text);
        return true;
      }
      case "disconnect": {
        const { reason, willRetry } = asked;
        await this.#endings.end(session, {
          reason,
          reconnect: willRetry ? "handshake" : "none",
          goodbye: { context: "api", status: "Bye!", reason },
        });
        return true;
      }
      case "add":
        if (record.rooms.room === asked.room) return false;
        return this.#tell(session, await this.#membership.change(session, asked.room));
      case "remove":
        if (record.rooms.room !== asked.room) return false;
        return this.#tell(session, await this.#membership.change(session, null));
      case "listen":
        if (Object.hasOwn(record.rooms.listening, asked.room)) return false;
        return this.#tell(session, await this.#membership.listen(session, asked.room));
      case "silence":
        if (!Object.hasOwn(record.rooms.listening, asked.room)) return false;
        return this.#tell(session, await this.#membership.silence(session, asked.room));
    }
  }

  /** A journalled action was begun before the connection moved: its reply is written down by whoever has the record now. */
  async #journal(session: Session, id: string, text: string): Promise<void> {
    const { journal } = session.record;
    if (!Object.hasOwn(journal, id) || journal[id] !== null) return;
    session.record.journal = { ...journal, [id]: text };
    await session.keeper.write("journal").catch(() => session.keeper.later("journal"));
  }

  /** The client is told where it speaks and what it hears now. */
  #tell(session: Session, change: Change): true {
    const { room, listening } = session.record.rooms;
    session.outbox.push({ context: "api", room, listeningRooms: Object.keys(listening) }, change);
    return true;
  }
}
