import type { Ext } from "../bayeux/index.ts";
import type { Cursor } from "../hub/cursor.ts";
import type { Packed } from "../sessions/outbox.ts";
import type { Session } from "../sessions/session.ts";
import type { Moves } from "../sessions/wording.ts";
import { Retransmissions } from "./retransmissions.ts";

/** An action of a connection that is running, here or where the connection was before. */
export interface Pending {
  readonly messageId: string | number | undefined;
  /** The node where it runs. */
  readonly node: string;
  /** Wall-clock milliseconds when it has been answered, unless the answer was lost. */
  readonly until: number;
  /** What was asked, of an action that may be run again. */
  readonly again: Readonly<Record<string, unknown>> | null;
}

/** The first words on a line, or an answer that waits for them. */
export interface Greeting extends Packed {
  readonly after?: Cursor | undefined;
  readonly before?: Cursor | undefined;
}

/** Answered actions remembered for a client that asks again. */
export const ANSWERED = 64;

/** What the owner of a connection keeps beside its record. Moves along as luggage, is lost with the node. */
export class Life {
  readonly retransmissions = new Retransmissions();
  // What most connections never need is made when it is.
  #pending: Map<number, Pending> | null = null;
  #answered: Map<string | number, string> | null = null;
  #forwarded: Set<string | number> | null = null;
  /** Actions that are just being begun: most of them have ended by then, and never become pending. */
  beginning = 0;
  /** Said, in this order, once the answer to the subscription has been handed over; here, or where the session is by then. */
  greeting: Greeting[] = [];
  /** The line it is about to have, while the application is asked about its first room. */
  claiming: string | null = null;
  /** Highest number of a say stored in the room it is in. */
  lastSaid = 0;
  /** Highest number of a say that may have been stored though nobody was told. */
  unsure = 0;
  /** What the client said to the former owner that it has, until all is open again. */
  said: Ext | null = null;
  /** What a room that was left still owes; said before the reply to the leave is said again. */
  owed: Cursor | undefined;
  params: Readonly<Record<string, unknown>> = {};
  nextPending = 1;

  /** Actions that run, by a key of their own. */
  get pending(): Map<number, Pending> {
    this.#pending ??= new Map();
    return this.#pending;
  }

  get running(): number {
    return this.#pending?.size ?? 0;
  }

  /** Whether one with this messageId does. */
  runs(messageId: string | number): boolean {
    for (const pending of this.#pending?.values() ?? []) if (pending.messageId === messageId) return true;
    return false;
  }

  /** Replies to actions by messageId, for a client that asks again. JSON texts, oldest first. */
  get answered(): Map<string | number, string> {
    this.#answered ??= new Map();
    return this.#answered;
  }

  /** Actions whose responses came from another node. */
  get forwarded(): Set<string | number> {
    this.#forwarded ??= new Set();
    return this.#forwarded;
  }

  remember(messageId: string | number, text: string): void {
    const { answered } = this;
    answered.set(messageId, text);
    if (answered.size > ANSWERED) answered.delete(answered.keys().next().value!);
  }
}

const LIFE = Symbol("life");

export function lifeOf(session: Session): Life {
  let life = session.companions[LIFE] as Life | undefined;
  if (!life) {
    life = new Life();
    session.companions[LIFE] = life;
  }
  return life;
}

/** Says something on the line. What was asked in one breath with the subscription is answered after the greeting. */
export function sayOnLine(
  session: Session,
  data: string,
  order: Omit<Greeting, "data" | "moves"> & { moves?: Moves | undefined } = {},
): void {
  const { greeting } = lifeOf(session);
  if (greeting.length > 0) greeting.push({ moves: undefined, ...order, data });
  else session.outbox.pushText(data, order);
}

/** Once: said where it is made, or packed when the session moves before the answer to its subscription is handed over. */
export function takeGreeting(session: Session): Greeting[] {
  const life = lifeOf(session);
  const { greeting } = life;
  life.greeting = [];
  return greeting;
}
