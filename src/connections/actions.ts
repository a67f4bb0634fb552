import { failure, failureFields, tooManyPending } from "../actions/errors.ts";
import type { ActionOutcome, ActionPromises, ActionRunner } from "../actions/runner-contract.ts";
import type { Api } from "../api.ts";
import { type Awaitable, then } from "../awaitable.ts";
import { jsonWith } from "../json.ts";
import type { Clock } from "../ports.ts";
import type { Session } from "../sessions/session.ts";
import { ANSWERED, type Life, lifeOf, type Pending } from "./life.ts";
import { Retransmissions } from "./retransmissions.ts";
import { viewOf } from "./view.ts";

/** Milliseconds between two looks at the node where an action of this node's session runs. */
const LOOK = 1000;

/** Marks of actions in a record: together about half a kilobyte. */
const BEGUN = 32;

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
  /** Id of this node. */
  readonly node: string;
  /** Whether another node lives. */
  readonly alive: (node: string) => Promise<boolean>;
  /** Puts a response on the connection's line, wherever it is served by now. JSON text. Never rejects. */
  readonly respond: (session: Session, text: string, pending: string | number | undefined) => Awaitable<void>;
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
   * Returns when it is accepted, not when it is done. `rebuilt`: it may have been begun for a connection that is lost, of
   * which nothing is known here. `key`: by what the publish is recognised of a client that repeats it as it was.
   */
  call(
    session: Session,
    data: Record<string, unknown>,
    matching: Matching,
    rebuilt: boolean,
    key: string | null,
  ): Awaitable<void> {
    const { runner, simultaneous, respond } = this.#parts;
    const life = lifeOf(session);
    const params = paramsOf(data);
    const known = idOf(matching);
    const promises = runner.promises(params.action, params.apiVersion);
    const repeat = known !== undefined && data.resend === true;

    // Ours never uses an id twice; a network that repeats a request does.
    if (known !== undefined && (repeat || promises?.journal || session.ours)) {
      const journalled = journalOf(session, known);
      const answered = life.answered.get(known) ?? journalled;
      if (answered) return respond(session, answered, undefined);
      // Its response comes when it is done. A journalled one that was never written down was never begun.
      if (life.runs(known)) return;
      if (journalled === null || (repeat && !promises?.idempotent && (rebuilt || !promises?.journal))) {
        return respond(session, formatOutcome(matching, unknownOutcome), undefined);
      }
    }
    // A repeat that the node before this one has begun, and took its reply along when it died.
    const mark = key === null || promises === null || promises.idempotent ? null : Retransmissions.mark(key);
    if (mark !== null && session.record.begun.includes(mark))
      return respond(session, formatOutcome(matching, unknownOutcome), undefined);
    if (life.running >= simultaneous) {
      return respond(session, formatOutcome(matching, { ok: false, failure: tooManyPending }), undefined);
    }
    const journalled = promises?.journal === true && known !== undefined;
    return then(this.#note(session, journalled ? String(known) : null, mark), () => {
      life.params = params;
      session.record.counts.actions += 1;
      session.keeper.later("counts");
      this.#begin(session, params, matching, promises);
    });
  }

  /** Written down before it is begun, where its node may be all that knows of it otherwise. */
  #note({ record, keeper }: Session, journal: string | null, mark: string | null): Awaitable<void> {
    if (journal !== null) return keeper.amend({ journal: { ...record.journal, [journal]: null } });
    if (mark !== null) return keeper.amend({ begun: [...record.begun, mark].slice(-BEGUN) });
  }

  #begin(
    session: Session,
    params: Readonly<Record<string, unknown>>,
    matching: Matching,
    promises: ActionPromises | null,
  ): void {
    const { runner, api, clock, node, respond } = this.#parts;
    const life = lifeOf(session);
    const known = idOf(matching);
    life.beginning += 1;
    const outcome = runner.run({
      action: params.action,
      params,
      connection: viewOf(session),
      api: api(),
      ...(known === undefined ? {} : { idempotencyKey: `${session.id}:${known}` }),
    });
    life.beginning -= 1;
    const journal = promises?.journal === true && known !== undefined;
    if (!(outcome instanceof Promise) && !journal) {
      void respond(session, textOf(life, matching, outcome), known);
      return;
    }
    const key = life.nextPending;
    life.nextPending += 1;
    const until = clock.now() + 2 * (promises?.timeout ?? 0);
    const again = promises?.idempotent ? params : null;
    life.pending.set(key, { messageId: known, node, until, again });
    void this.#finish(session, key, matching, outcome, journal);
  }

  async #finish(
    session: Session,
    key: number,
    matching: Matching,
    outcome: Awaitable<ActionOutcome>,
    journal: boolean,
  ): Promise<void> {
    this.#running += 1;
    const life = lifeOf(session);
    const known = idOf(matching);
    const done = await outcome;
    life.pending.delete(key);
    const text = textOf(life, matching, done);
    if (journal && !session.gone) {
      session.record.journal = trimmed({ ...session.record.journal, [String(known)]: text });
      await session.keeper.write("journal").catch(() => session.keeper.later("journal"));
    }
    await this.#parts.respond(session, text, known);
    this.#running -= 1;
    if (this.#running === 0) for (const idle of this.#idle.splice(0)) idle();
  }

  /**
   * The session has come from another node, where this action still runs. Should that node die the answer never comes, and
   * a client whose line is whole would wait for ever: what may be run again is, of the rest nobody knows the outcome.
   */
  inherit(session: Session, key: number): void {
    const { clock, runner, respond } = this.#parts;
    const { pending, forwarded } = lifeOf(session);
    const action = pending.get(key);
    if (!action) return;
    const { messageId, again } = action;
    const waits = (): boolean => !session.gone && pending.get(key) === action;
    const look = async (): Promise<void> => {
      if (!waits()) return;
      const runs = await this.#runs(action);
      if (!waits()) return;
      if (runs) {
        clock.after(LOOK, look);
        return;
      }
      pending.delete(key);
      if (messageId === undefined) return;
      // Whatever that node still says comes too late.
      forwarded.add(messageId);
      const matching = { messageCount: session.record.counts.messages, messageId };
      if (again) this.#begin(session, again, matching, runner.promises(again.action, again.apiVersion));
      else await respond(session, formatOutcome(matching, unknownOutcome), undefined);
    };
    clock.after(LOOK, look);
  }

  /** Whether the answer to an action of another node may still come. */
  async #runs({ node, until }: Pending): Promise<boolean> {
    const { clock, alive } = this.#parts;
    if (clock.now() > until) return false;
    // Whether it lives is not known while the store cannot tell.
    return alive(node).catch(() => true);
  }

  /** Resolves when no action is under way and every response is handed over. */
  idle(): Promise<void> {
    return this.#running === 0 ? Promise.resolve() : new Promise((resolve) => this.#idle.push(resolve));
  }
}

const unknownOutcome: ActionOutcome = { ok: false, failure: failure("outcome_unknown") };

/** The response, remembered for a client that asks again. */
function textOf(life: Life, matching: Matching, outcome: ActionOutcome): string {
  const text = formatOutcome(matching, outcome);
  const known = idOf(matching);
  if (known !== undefined) life.remember(known, text);
  return text;
}

/** What the client can ask for again by. */
function idOf({ messageId }: Matching): string | number | undefined {
  return typeof messageId === "string" || typeof messageId === "number" ? messageId : undefined;
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
  const last = { context: "response", messageCount };
  return jsonWith(body, messageId === undefined ? last : { messageId, ...last });
}

/** What is written down of an action; undefined where nothing is. Its name is the client's: `__proto__` is one like any other. */
function journalOf({ record }: Session, known: string | number): string | null | undefined {
  return Object.hasOwn(record.journal, known) ? record.journal[known] : undefined;
}

function trimmed(journal: Record<string, string | null>): Record<string, string | null> {
  const entries = Object.entries(journal);
  return entries.length <= ANSWERED ? journal : Object.fromEntries(entries.slice(-ANSWERED));
}
