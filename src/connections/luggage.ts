import type { Ext, Reply } from "../bayeux/index.ts";
import { type Packed, packed } from "../sessions/outbox.ts";
import type { Poll } from "../sessions/polls.ts";
import type { Session } from "../sessions/session.ts";
import { lifeOf, type Pending, takeGreeting } from "./life.ts";

/** What the former owner of a session knew beside the record. */
export interface Luggage {
  readonly replies: readonly Packed[];
  readonly poll: Poll | null;
  readonly repeats: readonly [string, Reply][];
  readonly answered: readonly [string | number, string][];
  readonly pending: readonly Pending[];
  readonly params: Readonly<Record<string, unknown>>;
  readonly away: boolean | null;
  readonly bereft: boolean;
  /** What the client said it has, where nothing was handed over since. */
  readonly said: Ext | null;
  /** What is known of the says in its room. */
  readonly numbers: { readonly room: string | null; readonly last: number; readonly unsure: number };
}

/** In the place of what another version has not packed. */
const NOTHING: Luggage = {
  replies: [],
  poll: null,
  repeats: [],
  answered: [],
  pending: [],
  params: {},
  away: null,
  bereft: false,
  said: null,
  numbers: { room: null, last: 0, unsure: 0 },
};

export function pack(session: Session): Luggage {
  const life = lifeOf(session);
  const poll = session.polls.last;
  return {
    replies: [...session.outbox.takeReplies(), ...packed(takeGreeting(session))],
    poll: poll && { ...poll, replies: packed(poll.replies) },
    repeats: life.retransmissions.settled(),
    answered: [...life.answered],
    pending: [...life.pending.values()],
    params: life.params,
    away: session.away,
    bereft: session.bereft,
    said: session.said ?? life.said,
    numbers: { room: session.record.rooms.room, last: life.lastSaid, unsure: life.unsure },
  };
}

/**
 * Responses answer the session that asked. One that resumes `asksAgain`, and what was true then ("earlier missing", "wrong
 * room") must not be taken for the answer to that: says would be numbered as what is stored already. `inherit` is told the
 * key of each action that the former owner still runs.
 */
export function unpack(
  session: Session,
  given: Partial<Luggage>,
  asksAgain: boolean,
  inherit: (pending: number) => void,
): void {
  const luggage: Luggage = { ...NOTHING, ...given };
  const life = lifeOf(session);
  for (const { data, moves } of luggage.replies) {
    if (!asksAgain || !isResponse(data)) session.outbox.pushText(data, { moves });
  }
  for (const [key, reply] of luggage.repeats) life.retransmissions.remember(key, reply);
  for (const [id, text] of luggage.answered) life.answered.set(id, text);
  for (const pending of luggage.pending) {
    life.pending.set(life.nextPending, pending);
    inherit(life.nextPending);
    life.nextPending += 1;
  }
  life.params = luggage.params;
  if (luggage.numbers.room === session.record.rooms.room) {
    life.lastSaid = Math.max(life.lastSaid, luggage.numbers.last);
    life.unsure = Math.max(life.unsure, luggage.numbers.unsure);
  }
  session.away ??= luggage.away;
  if (asksAgain) return;
  session.polls.last = luggage.poll;
  // What was lost on the way to the former owner is lost here too.
  if (luggage.bereft) session.bereft = true;
}

function isResponse(text: string): boolean {
  return (JSON.parse(text) as { context?: unknown }).context === "response";
}
