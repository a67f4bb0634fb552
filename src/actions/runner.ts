import { randomUUID } from "node:crypto";
import type { StandardSchemaV1 } from "@standard-schema/spec";
import { type Awaitable, rescue, then } from "../awaitable.ts";
import type { Config } from "../config/declaration.ts";
import { type Hooks, Refusal } from "../hooks.ts";
import { jsonProblem } from "../json.ts";
import type { Clock, Log, Timer } from "../ports.ts";
import type { Action, ActionRun } from "./action.ts";
import { ActionError } from "./action-error.ts";
import type { ActionInfo } from "./action-info.ts";
import { createCatalog } from "./catalog.ts";
import type { Documentation } from "./documentation.ts";
import { failure } from "./errors.ts";
import { responseProblem } from "./response.ts";
import type { ActionCall, ActionFailure, ActionOutcome, ActionRunner } from "./runner-contract.ts";

export interface RunnerOptions {
  readonly actions: readonly Action[];
  readonly hooks: Hooks;
  readonly config: Config;
  readonly log: Log;
  /** For timeouts; default the real one. */
  readonly clock?: Pick<Clock, "after">;
}

const realClock: Pick<Clock, "after"> = {
  after(ms, task) {
    const timer = setTimeout(task, ms);
    return { cancel: () => clearTimeout(timer) };
  },
};

/** A runner that also knows what it offers. */
export interface Runner extends ActionRunner {
  list(): readonly ActionInfo[];
  documentation(): Documentation;
}

/** Thrown on the way to leave it; never seen outside. */
class Failed extends Error {
  readonly failure: ActionFailure;
  constructor(failed: ActionFailure) {
    super(failed.message);
    this.failure = failed;
  }
}

/** Carries what the application would have to mend, for the log alone. */
class BadResponse extends Error {
  override readonly name = "BadResponse";
}

/** Anything can be thrown, also what has no text. */
const textOf = (error: unknown): string =>
  error instanceof Error
    ? error.message
    : `it threw ${typeof error === "object" ? "an object" : String(error)}`;

/** What applications hand back may be a promise of another kind. */
const settled = <T>(value: T | PromiseLike<T>): Awaitable<T> =>
  typeof value === "object" && value !== null && "then" in value && typeof value.then === "function"
    ? Promise.resolve(value)
    : (value as T);

/** What the client sent to the action itself. A spread copies `__proto__` as the data it is; an assignment would not. */
const ownParams = (params: Record<string, unknown>): Record<string, unknown> => {
  const { action: _action, apiVersion: _apiVersion, ...own } = params;
  return own;
};

/** Of an action that there is none of, for people. */
const named = (action: unknown): string => {
  if (action === undefined || action === null || action === "") return "an action without a name";
  return typeof action === "string" ? action.slice(0, 100) : "an action whose name is no text";
};

const keyOf = (segment: PropertyKey | StandardSchemaV1.PathSegment): string | number => {
  const key = typeof segment === "object" ? segment.key : segment;
  return typeof key === "number" ? key : String(key);
};

const invalidInputs = (found: readonly StandardSchemaV1.Issue[]): ActionFailure => {
  const issues = found.map(({ message, path = [] }) => ({ path: path.map(keyOf), message }));
  const texts = issues.map(({ path, message }) => (path.length ? `${path.join(".")}: ${message}` : message));
  return failure("invalid_inputs", { values: { issues: texts.join("; ") }, details: { issues } });
};

const validated = (action: Action, params: Record<string, unknown>): Awaitable<unknown> => {
  if (action.inputs === undefined) return params;
  return then(settled(action.inputs["~standard"].validate(params)), (result) => {
    if (result.issues) throw new Failed(invalidInputs(result.issues));
    return result.value;
  });
};

const checked = (response: unknown): Record<string, unknown> => {
  if (response === undefined) return {};
  const problem = responseProblem(response);
  if (problem) throw new BadResponse(problem);
  return response as Record<string, unknown>;
};

/** Validation, and the action with all that surrounds it. */
const perform = (
  action: Action,
  hooks: Hooks,
  call: ActionCall,
  limit: Deadline,
): Awaitable<Record<string, unknown>> =>
  then(validated(action, ownParams(call.params)), (params) => {
    const { connection, api } = call;
    const run: ActionRun<unknown> = {
      params,
      connection,
      api,
      get signal() {
        return limit.signal;
      },
      idempotencyKey: call.idempotencyKey ?? randomUUID(),
    };
    const bare = action.middleware.length === 0 && !hooks.beforeAction && !hooks.afterAction;
    if (!bare) return surrounded(action, hooks, run, limit);
    limit.begin();
    return then(settled(action.run(run)), checked);
  });

/** What comes before, the action, what comes after. */
const surrounded = async (action: Action, hooks: Hooks, run: ActionRun<unknown>, limit: Deadline) => {
  const { params, connection, api } = run;
  const hooked = { action: action.name, params, connection, api };

  await hooks.beforeAction?.(hooked);
  for (const { before } of action.middleware) await before?.(run);
  limit.begin();
  let response = checked(await action.run(run));
  for (const { after } of action.middleware.toReversed()) {
    response = checked((await after?.({ ...run, response })) ?? response);
  }
  return checked((await hooks.afterAction?.({ ...hooked, response })) ?? response);
};

/** Until when an action is waited for. It runs out only for what does not answer at once. */
class Deadline {
  /** Why nobody waits any more. */
  ended: Failed | null = null;
  readonly #outer: AbortSignal | undefined;
  #controller: AbortController | null = null;
  #timer: Timer | null = null;
  #reject: (reason: Failed) => void = () => {};
  #begun = false;
  readonly #gone = (): void => this.#end(failure(this.#begun ? "outcome_unknown" : "unavailable"));

  constructor(outer: AbortSignal | undefined) {
    this.#outer = outer;
  }

  /** The action itself begins, unless nobody waits any more: what has not begun is better not done. */
  begin(): void {
    if (this.ended) throw this.ended;
    this.#begun = true;
  }

  /** Made for whoever asks: most actions never do. */
  get signal(): AbortSignal {
    if (this.#controller === null) {
      this.#controller = new AbortController();
      if (this.ended) this.#controller.abort(this.ended);
    }
    return this.#controller.signal;
  }

  /** Waits for an action, and no longer than `timeout` milliseconds: then, and when its caller has gone, it rejects with {@link Failed}. */
  async wait<T>(work: Promise<T>, timeout: number, clock: Pick<Clock, "after">): Promise<T> {
    if (this.#outer?.aborted) this.#gone();
    if (this.ended) throw this.ended;
    const over = new Promise<never>((_, reject) => {
      this.#reject = reject;
    });
    this.#timer = clock.after(timeout, () => this.#end(failure("action_timeout", { values: { timeout } })));
    this.#outer?.addEventListener("abort", this.#gone, { once: true });
    try {
      return await Promise.race([work, over]);
    } finally {
      this.#timer.cancel();
      this.#outer?.removeEventListener("abort", this.#gone);
    }
  }

  #end(failed: ActionFailure): void {
    this.ended = new Failed(failed);
    this.#reject(this.ended);
    this.#controller?.abort(this.ended);
  }
}

/** Runs actions by name: validation, middleware, timeout, and every way to fail turned into one answer. */
export const createRunner = ({ actions, hooks, config, log, clock = realClock }: RunnerOptions): Runner => {
  const catalog = createCatalog(actions);

  const timeoutOf = (action: Action): number => action.timeout ?? config.general.actionTimeout;

  const internal = (error: unknown, action: string, call: ActionCall): ActionFailure => {
    const errorId = randomUUID();
    const fields = { err: error, errorId, action, connection: call.connection.id };
    log.error(fields, `action "${action}" failed: ${textOf(error)}`);
    return failure("internal_error", { errorId });
  };

  const failed = (error: unknown, action: string, call: ActionCall): ActionFailure => {
    if (error instanceof Failed) return error.failure;
    if (error instanceof Refusal) return failure("refused", error.message ? { message: error.message } : {});
    if (!(error instanceof ActionError)) return internal(error, action, call);
    const { code, message, details, status } = error;
    const problem = jsonProblem(details, "details");
    if (problem)
      return internal(
        new BadResponse(`details of an ActionError: ${problem}`, { cause: error }),
        action,
        call,
      );
    return { code, message, status, ...(details === undefined ? {} : { details }) };
  };

  const run = (call: ActionCall): Awaitable<ActionOutcome> => {
    const action = catalog.find(call.action, call.params.apiVersion);
    if (action === undefined) {
      return { ok: false, failure: failure("unknown_action", { values: { action: named(call.action) } }) };
    }
    if (call.signal?.aborted) return { ok: false, failure: failure("unavailable") };
    const limit = new Deadline(call.signal);
    let work: Awaitable<Record<string, unknown>> | undefined;
    return rescue<ActionOutcome>(
      () => {
        work = perform(action, hooks, call, limit);
        const response = work instanceof Promise ? limit.wait(work, timeoutOf(action), clock) : work;
        return then(response, (response) => ({ ok: true, response }));
      },
      (error) => {
        if (error instanceof Failed && limit.ended && work instanceof Promise)
          afterwards(work, action.name, call);
        return { ok: false, failure: failed(error, action.name, call) };
      },
    );
  };

  /** An action that nobody waits for any more may still fail; that must not be an unhandled rejection, nor go unseen. */
  const afterwards = (work: Promise<unknown>, action: string, call: ActionCall): void => {
    work.catch((error: unknown) => {
      if (error instanceof Failed) return;
      log.warn(
        { err: error, action, connection: call.connection.id },
        `action "${action}" failed after its caller was answered`,
      );
    });
  };

  return {
    run,
    promises(name, version) {
      const action = catalog.find(name, version);
      if (action === undefined) return null;
      const { idempotent, journal } = action;
      return { idempotent, journal, timeout: timeoutOf(action) };
    },
    list: catalog.list,
    documentation: catalog.documentation,
  };
};
