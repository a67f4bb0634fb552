import type { Api, Connection } from "../api.ts";
import type { Awaitable } from "../awaitable.ts";

/** The error part of an answer; `status` is for HTTP. */
export interface ActionFailure {
  readonly message: string;
  readonly code: string;
  readonly details?: unknown;
  /** For internal errors: the id that the log has too. */
  readonly errorId?: string;
  readonly status: number;
}

export type ActionOutcome =
  | { readonly ok: true; readonly response: Record<string, unknown> }
  | { readonly ok: false; readonly failure: ActionFailure };

export interface ActionCall {
  readonly action: unknown;
  readonly params: Record<string, unknown>;
  readonly connection: Connection;
  readonly api: Api;
  /** Aborted when the node stops waiting; combined with the action's own timeout. */
  readonly signal?: AbortSignal;
  /** The same for each repeat of one call (journal, idempotent). */
  readonly idempotencyKey?: string;
}

/** What may be done with an action that may have been done already, and how long it takes at most. */
export interface ActionPromises {
  readonly idempotent: boolean;
  readonly journal: boolean;
  /** Milliseconds. */
  readonly timeout: number;
}

/** Runs actions by name. Never throws or rejects. `params` may still have `action` and `apiVersion`: the action does not see them. */
export interface ActionRunner {
  run(call: ActionCall): Awaitable<ActionOutcome>;
  /** What is promised about repeating an action (of this `apiVersion`, or else the newest); null for an unknown one. */
  promises(action: unknown, apiVersion?: unknown): ActionPromises | null;
}
