import { randomUUID } from "node:crypto";
import type { StandardSchemaV1 } from "@standard-schema/spec";
import type { Config } from "../config/declaration.ts";
import { type Hooks, Refusal } from "../hooks.ts";
import type { Clock, Log } from "../ports.ts";
import type { Action, ActionRun } from "./action.ts";
import { ActionError } from "./action-error.ts";
import type { ActionInfo } from "./action-info.ts";
import { createCatalog } from "./catalog.ts";
import type { Documentation } from "./documentation.ts";
import { failure } from "./errors.ts";
import { jsonProblem, responseProblem } from "./response.ts";
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

const validated = async (action: Action, params: Record<string, unknown>): Promise<unknown> => {
  if (action.inputs === undefined) return params;
  const result = await action.inputs["~standard"].validate(params);
  if (result.issues) throw new Failed(invalidInputs(result.issues));
  return result.value;
};

const checked = (response: unknown): Record<string, unknown> => {
  if (response === undefined) return {};
  const problem = responseProblem(response);
  if (problem) throw new BadResponse(problem);
  return response as Record<string, unknown>;
};

/** Validation, what comes before, the action, what comes after. */
const perform = async (action: Action, hooks: Hooks, call: ActionCall, limit: Deadline) => {
  const params = await validated(action, ownParams(call.params));
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
  const hooked = { action: action.name, params, connection, api };

  await hooks.beforeAction?.(hooked);
  for (const { before } of action.middleware) await before?.(run);
  // Nobody waits any more: what has not begun is better not done.
  if (limit.ended) throw limit.ended;
  let response = checked(await action.run(run));
  for (const { after } of action.middleware.toReversed()) {
    response = checked((await after?.({ ...run, response })) ?? response);
  }
  return checked((await hooks.afterAction?.({ ...hooked, response })) ?? response);
};

interface Deadline {
  /** Made for whoever asks: most actions never do. */
  readonly signal: AbortSignal;
  /** Why nobody waits any more. */
  readonly ended: Failed | null;
  /** Rejects with {@link Failed} when the time is over or the caller has gone. */
  readonly over: Promise<never>;
  clear(): void;
}

const deadline = (clock: Pick<Clock, "after">, timeout: number, outer?: AbortSignal): Deadline => {
  let controller: AbortController | null = null;
  let ended: Failed | null = null;
  let reject: (reason: Failed) => void = () => {};
  const over = new Promise<never>((_, no) => {
    reject = no;
  });
  // It is raced, but a race that nobody loses leaves it unobserved.
  over.catch(() => {});
  const end = (failed: ActionFailure) => {
    ended = new Failed(failed);
    reject(ended);
    controller?.abort(ended);
  };
  const timer = clock.after(timeout, () => end(failure("action_timeout", { values: { timeout } })));
  const gone = () => end(failure("outcome_unknown"));
  if (outer?.aborted) gone();
  else outer?.addEventListener("abort", gone, { once: true });
  return {
    get signal() {
      if (controller === null) {
        controller = new AbortController();
        if (ended) controller.abort(ended);
      }
      return controller.signal;
    },
    get ended() {
      return ended;
    },
    over,
    clear() {
      timer.cancel();
      outer?.removeEventListener("abort", gone);
    },
  };
};

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

  const run = async (call: ActionCall): Promise<ActionOutcome> => {
    const action = catalog.find(call.action, call.params.apiVersion);
    if (action === undefined) {
      return { ok: false, failure: failure("unknown_action", { values: { action: named(call.action) } }) };
    }
    const limit = deadline(clock, timeoutOf(action), call.signal);
    const work = perform(action, hooks, call, limit);
    try {
      return { ok: true, response: await Promise.race([work, limit.over]) };
    } catch (error) {
      if (error instanceof Failed && limit.ended) afterwards(work, action.name, call);
      return { ok: false, failure: failed(error, action.name, call) };
    } finally {
      limit.clear();
    }
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
