import type { ActionFailure } from "./runner-contract.ts";

/** One way to fail. `message` may name values in braces; `remedy` is for whoever reads docs/errors.md. */
interface ErrorRow {
  readonly status: number;
  readonly message: string;
  readonly remedy: string;
}

/** Every code that an action or a request to the web server fails with, but those of an application's own ActionErrors. */
export const errorTable = {
  invalid_inputs: {
    status: 422,
    message: "invalid inputs: {issues}",
    remedy: "Correct the inputs; `details.issues` lists `{ path, message }` for each thing wrong.",
  },
  unknown_action: {
    status: 404,
    message: "{action} is not a known action or that is not a valid apiVersion",
    remedy: "Check the name and `apiVersion` against `documentation`.",
  },
  too_many_pending: {
    status: 429,
    message: "you have too many pending requests",
    remedy: "Wait for an answer before asking again (`general.simultaneousActions`).",
  },
  action_timeout: {
    status: 504,
    message: "the action took longer than {timeout} ms",
    remedy: "It may still have had its effect. Raise the action's `timeout` if it needs longer.",
  },
  outcome_unknown: {
    status: 409,
    message: "the outcome of the action is unknown",
    remedy:
      "It may have been done or not. Look before asking again, or mark the action `idempotent` or `journal`.",
  },
  unavailable: {
    status: 503,
    message: "the server is stopping; the action was not begun",
    remedy: "Ask again, of another node: it was not done.",
  },
  refused: {
    status: 403,
    message: "you may not do this",
    remedy: "A hook refused. The text is that of its `Refusal`, if it threw one.",
  },
  unauthenticated: {
    status: 401,
    message: "authentication failed",
    remedy: "The `authenticate` hook refused the request's headers and cookies.",
  },
  foreign_origin: {
    status: 403,
    message: "pages of {origin} may not call actions of this server",
    remedy: "Name the origin in `servers.web.allowedOrigins`.",
  },
  bad_request: {
    status: 400,
    message: "the request cannot be read: {problem}",
    remedy: "Send a JSON object or a urlencoded form.",
  },
  body_too_large: {
    status: 413,
    message: "the body is larger than {limit} bytes",
    remedy: "Send less, or raise `limits.bodyBytes`.",
  },
  unsupported_media_type: {
    status: 415,
    message: "bodies of type {type} are not understood",
    remedy: "Send `application/json` or `application/x-www-form-urlencoded`.",
  },
  method_not_allowed: {
    status: 405,
    message: "actions are called with GET or POST, not {method}",
    remedy: "Use GET or POST.",
  },
  not_found: {
    status: 404,
    message: "there is nothing at {path}",
    remedy: "Check the path.",
  },
  internal_error: {
    status: 500,
    message: "the server experienced an internal error",
    remedy: "The log has the cause under the same `errorId`.",
  },
} as const satisfies Record<string, ErrorRow>;

export type ErrorCode = keyof typeof errorTable;

export interface FailureParts {
  /** What the braces of the table's message stand for. */
  readonly values?: Readonly<Record<string, string | number>>;
  /** Instead of the table's message. */
  readonly message?: string;
  readonly details?: unknown;
  readonly errorId?: string;
}

/** A failure from the table. */
export const failure = (code: ErrorCode, parts: FailureParts = {}): ActionFailure => {
  const { status, message } = errorTable[code];
  const { values = {}, details, errorId } = parts;
  return {
    code,
    status,
    message:
      parts.message ?? message.replace(/\{(\w+)\}/g, (_, name: string) => String(values[name] ?? name)),
    ...(details === undefined ? {} : { details }),
    ...(errorId === undefined ? {} : { errorId }),
  };
};

/** The failure of a connection that has `general.simultaneousActions` actions pending and asks for one more. */
export const tooManyPending: ActionFailure = failure("too_many_pending");

/** How a failure looks in an answer, over HTTP and over a connection alike. */
export const failureFields = ({
  message,
  code,
  details,
  errorId,
}: ActionFailure): Record<string, unknown> => ({
  error: message,
  code,
  ...(details === undefined ? {} : { details }),
  ...(errorId === undefined ? {} : { errorId }),
});
