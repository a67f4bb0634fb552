import { failure, failureFields, tooManyPending } from "../actions/errors.ts";
import type { ActionOutcome, ActionRunner } from "../actions/runner-contract.ts";
import type { Api } from "../api.ts";
import type { Clock } from "../ports.ts";
import type { Session } from "../sessions/session.ts";
import { ANSWERED, lifeOf } from "./life.ts";
import { viewOf } from "./view.ts";

/** How a request is matched with its response on the line. */
export interface Matching {
  readonly messageCount: number;
  readonly messageId: unknown;
}

export interface ActionDeskParts {
  readonly runner: ActionRunner;
  readonly api: () => Api;
  readonly clock: Clock;
  readonly simultaneous: number;
  /** Milliseconds after which an action that ran on a node that is gone counts as over. */
  readonly forgetAfter: number;
  /** Puts a response on the connection's line, wherever it is served by now. JSON text. Never rejects. */
  readonly respond: (session: Session, text: string, pending: string | number | undefined) => Promise<void>;
}

/** Actions called over a connection: accepted at once, answered on the line when they are done. */
export class ActionDesk {
  readonly #parts: ActionDeskParts;
  #running = 0;
  #idle: (() => void)[] = [];

  constructor(parts: ActionDeskParts) {
    this.#parts = parts;
  }

  /**
   * Resolves when it is accepted, not when it is done. `rebuilt`: it may have been begun for a connection that is lost, of
   * which nothing is known here.
   */
  async call(
    session: Session,
    data: Record<string, unknown>,
    matching: Matching,
    rebuilt: boolean,
  ): Promise<void> {
    const { runner, clock, simultaneous, forgetAfter, respond } = this.#parts;
    const life = lifeOf(session);
    const params = paramsOf(data);
    const { messageId } = matching;
    const known = typeof messageId === "string" || typeof messageId === "number" ? messageId : undefined;
    const promises = runner.promises(params.action, params.apiVersion);
    const repeat = known !== undefined && data.resend === true;

    for (const [key, pending] of life.pending) {
      if (clock.now() - pending.startedAt > forgetAfter) life.pending.delete(key);
    }
    // Ours never uses an id twice; a network that repeats a request does.
    if (known !== undefined && (repeat || promises?.journal || session.ours)) {
      const answered = life.answered.get(known) ?? session.record.journal[String(known)];
      if (answered) return respond(session, answered, undefined);
      // Its response comes when it is done. A journalled one that was never written down was never begun.
      if ([...life.pending.values()].some((pending) => pending.messageId === known)) return;
      if (
        session.record.journal[String(known)] === null ||
        (repeat && !promises?.idempotent && (rebuilt || !promises?.journal))
      ) {
        return respond(
          session,
          formatOutcome(matching, { ok: false, failure: failure("outcome_unknown") }),
          undefined,
        );
      }
    }
    if (life.pending.size >= simultaneous) {
      return respond(session, formatOutcome(matching, { ok: false, failure: tooManyPending }), undefined);
    }
    const journalled = promises?.journal === true && known !== undefined;
    if (journalled) {
      await session.keeper.amend({ journal: { ...session.record.journal, [String(known)]: null } });
    }
    const key = life.nextPending;
    life.nextPending += 1;
    life.pending.set(key, { messageId: known, startedAt: clock.now() });
    life.params = params;
    session.record.counts.actions += 1;
    session.keeper.later("counts");
    this.#running += 1;
    void this.#run(session, params, matching, known, journalled, key);
  }

  async #run(
    session: Session,
    params: Record<string, unknown>,
    matching: Matching,
    known: string | number | undefined,
    journalled: boolean,
    key: number,
  ): Promise<void> {
    const { runner, api, respond } = this.#parts;
    const life = lifeOf(session);
    const outcome = await runner.run({
      action: params.action,
      params,
      connection: viewOf(session),
      api: api(),
      ...(known === undefined ? {} : { idempotencyKey: `${session.id}:${known}` }),
    });
    const text = formatOutcome(matching, outcome);
    life.pending.delete(key);
    if (known !== undefined) life.remember(known, text);
    if (journalled && !session.gone) {
      session.record.journal = trimmed({ ...session.record.journal, [String(known)]: text });
      await session.keeper.write("journal").catch(() => session.keeper.later("journal"));
    }
    await respond(session, text, known);
    this.#running -= 1;
    if (this.#running === 0) for (const done of this.#idle.splice(0)) done();
  }

  /**
   * The session has come from another node, where this action still runs. Should that node die the answer never comes, and
   * a client whose line is whole would wait for ever.
   */
  inherit(session: Session, key: number): void {
    const { clock, forgetAfter, respond } = this.#parts;
    const { pending } = lifeOf(session);
    const action = pending.get(key);
    if (action?.messageId === undefined) return;
    const { messageId, startedAt } = action;
    clock.after(Math.max(0, startedAt + forgetAfter - clock.now()), () => {
      if (session.gone || pending.get(key) !== action) return;
      pending.delete(key);
      const matching = { messageCount: session.record.counts.messages, messageId };
      const unknown = formatOutcome(matching, { ok: false, failure: failure("outcome_unknown") });
      void respond(session, unknown, undefined);
    });
  }

  /** Resolves when no action is under way and every response is handed over. */
  idle(): Promise<void> {
    return this.#running === 0 ? Promise.resolve() : new Promise((resolve) => this.#idle.push(resolve));
  }
}

/** What the action sees: the `params` object, or (older clients) what stands beside the event. */
function paramsOf(data: Record<string, unknown>): Record<string, unknown> {
  const { params } = data;
  if (typeof params === "object" && params !== null && !Array.isArray(params))
    return params as Record<string, unknown>;
  const { event: _event, messageId: _messageId, resend: _resend, ...beside } = data;
  return beside;
}

/** The response as it goes on the line; what matches it and marks it comes last, so that no action overwrites it. */
function formatOutcome({ messageCount, messageId }: Matching, outcome: ActionOutcome): string {
  const body = outcome.ok ? outcome.response : failureFields(outcome.failure);
  return JSON.stringify({
    ...body,
    context: "response",
    messageCount,
    ...(messageId === undefined ? {} : { messageId }),
  });
}

function trimmed(journal: Record<string, string | null>): Record<string, string | null> {
  const entries = Object.entries(journal);
  return entries.length <= ANSWERED ? journal : Object.fromEntries(entries.slice(-ANSWERED));
}
