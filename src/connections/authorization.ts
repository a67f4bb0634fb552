import type { Awaitable } from "../awaitable.ts";
import { denied, forbidden, isWildcard } from "../bayeux/index.ts";
import { type Hooks, Refusal, type RoomVerb } from "../hooks.ts";
import type { Log } from "../ports.ts";
import type { Session } from "../sessions/session.ts";
import { VerbRefused } from "./refused.ts";
import { viewOf } from "./view.ts";

/** Asks the application who may do what. A hook that fails allows nothing. */
export class Authorization {
  readonly #hooks: Hooks;
  readonly #log: Log;

  constructor(hooks: Hooks, log: Log) {
    this.#hooks = hooks;
    this.#log = log;
  }

  /** Why a plain channel is not for this session, as a Bayeux error; null when it is. */
  async channel(
    session: Session,
    channel: string,
    operation: "subscribe" | "publish",
  ): Promise<string | null> {
    const { authorizeChannel } = this.#hooks;
    if (!authorizeChannel) {
      if (operation === "publish") return forbidden(channel);
      return isWildcard(channel) ? denied("wildcard subscriptions are not allowed") : null;
    }
    try {
      const { identity } = session.record.who;
      const who = { identity, connectionId: session.record.line?.id ?? null };
      return (await authorizeChannel({ session: who, channel, operation })) === true
        ? null
        : forbidden(channel);
    } catch (refusal) {
      if (refusal instanceof Refusal) return denied(refusal.message);
      this.#log.error({ err: refusal }, "the authorizeChannel hook failed; refused");
      return forbidden(channel);
    }
  }

  /** Rejects with VerbRefused where a room is not for this connection. */
  room(session: Session, room: string, verb: RoomVerb): Awaitable<void> {
    const { authorizeRoom } = this.#hooks;
    return authorizeRoom && this.#room(authorizeRoom, session, room, verb);
  }

  async #room(
    authorizeRoom: NonNullable<Hooks["authorizeRoom"]>,
    session: Session,
    room: string,
    verb: RoomVerb,
  ): Promise<void> {
    let allowed: unknown;
    try {
      allowed = await authorizeRoom({ connection: viewOf(session), room, verb });
    } catch (refusal) {
      if (refusal instanceof Refusal) throw new VerbRefused("not_authorized", refusal.message);
      this.#log.error({ connection: session.id, err: refusal }, "the authorizeRoom hook failed; refused");
      throw new VerbRefused("not_authorized");
    }
    if (allowed !== true) throw new VerbRefused("not_authorized");
  }
}
