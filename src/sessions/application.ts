import type { Awaitable } from "../awaitable.ts";
import type { PublishMessage, Reply, SubscriptionMessage } from "../bayeux/index.ts";
import type { Position } from "../engine/contract.ts";
import type { Session } from "./session.ts";

/** What a message comes to: its reply, and what is to be done once the reply has been handed over. */
export interface Answer {
  readonly reply: Reply;
  readonly after?: () => void;
}

/**
 * What is done with sessions, one thing at a time for each. The layer above implements it; rejections with an
 * EngineFailure reach the client as 503 or 504.
 */
export interface Application {
  /**
   * This node serves the session from now on. `luggage` is what the former owner packed, null when that is not known.
   * `resumed`: a new session of the same client, which asks again for what was not answered.
   */
  take(session: Session, luggage: unknown, resumed: boolean): void;
  /** Opens what it reads. Repeated until it succeeds. */
  reopen(session: Session): Promise<void>;
  /** The store has lost what it knew of the session, whose record stands again: rooms and line, too, must know of it. */
  register(session: Session): Promise<void>;
  /** The session moves to another node: what that node must know beside the record. JSON. */
  pack(session: Session): unknown;
  /** Luggage that arrived after the session was taken over. */
  receive(session: Session, luggage: unknown): void;
  subscribe(session: Session, message: SubscriptionMessage): Promise<Answer>;
  unsubscribe(session: Session, message: SubscriptionMessage): Promise<Answer>;
  publish(session: Session, message: PublishMessage): Awaitable<Answer>;
  /** What the server itself asks of a connection, from any node. JSON in, JSON out. */
  command(session: Session, command: unknown): Promise<unknown>;
  /** Others see it come and go. */
  presence(session: Session, away: boolean): Promise<void>;
  /** Leaves everything. Repeated until it succeeds. */
  leave(session: Session, reason: string): Promise<void>;
  /** Positions that our client presented, also of topics it no longer reads. */
  presented(session: Session, said: (topic: string) => Position | null): void;
}
