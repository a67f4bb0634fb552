import type { Message } from "./wire.ts";

/**
 * The error a callback gets. `code` is the API, the message is prose. `outcome_unknown` means exactly that; with any
 * other code a say or a verb has surely not been done.
 */
export class ClientError extends Error {
  readonly code: string;
  readonly details: unknown;
  /** Of an `internal_error`: under this id the server's log has the cause. */
  readonly errorId?: string;
  /** The whole reply, where the server refused with one. */
  readonly response?: Message;

  constructor(code: string, message: string, details?: unknown, response?: Message) {
    super(message);
    this.name = "ActionwireError";
    this.code = code;
    this.details = details;
    if (response === undefined) return;
    this.response = response;
    if (typeof response.errorId === "string") this.errorId = response.errorId;
  }
}

/** Texts of the errors that the client itself makes. */
const TEXTS = {
  connect_timeout: "could not connect in time",
  disconnected: "not connected",
  no_transport: "no allowed transport could be used",
  not_actionwire: "this is not an Actionwire server",
  offline_queue_full: "too many requests are waiting to be sent",
  outcome_unknown: "the connection broke: it may have been done or not",
  refused: "the server refused the connection",
  superseded: "another session took this connection over",
  unavailable: "it cannot be stored now; it was not done",
  wrong_room: "the connection is in another room; nothing was said",
} as const;

export type ClientErrorCode = keyof typeof TEXTS;

export function clientError(code: ClientErrorCode, why?: string, details?: unknown): ClientError {
  return new ClientError(code, why ? `${TEXTS[code]} (${why})` : TEXTS[code], details);
}

/** The error in a reply, if there is one. Verbs also say it in `status`; an action's `status` is its own affair. */
export function errorOfReply(reply: Message, isAction: boolean): ClientError | null {
  const failed = reply.error !== undefined && reply.error !== null;
  const refused = !isAction && typeof reply.status === "string" && reply.status !== "OK";
  if (!failed && !refused) return null;
  const said = failed ? reply.error : reply.status;
  const text = typeof said === "string" ? said : JSON.stringify(said);
  return new ClientError(typeof reply.code === "string" ? reply.code : "error", text, reply.details, reply);
}

/** `503::text` → 503. 0 where the server said it in some other way. */
export function bayeuxCode(error: string | undefined): number {
  const match = /^(\d{3}):/.exec(error ?? "");
  return match ? Number(match[1]) : 0;
}

const CODES: Readonly<Record<number, string>> = {
  400: "bad_request",
  403: "forbidden",
  404: "not_found",
  413: "too_large",
  429: "rate_limited",
  500: "internal_error",
  503: "unavailable",
};

/** The error in a failed publish. */
export function errorOfAck(error: string | undefined): ClientError {
  const text = (error ?? "").split(":").slice(2).join(":");
  return new ClientError(CODES[bayeuxCode(error)] ?? "refused", text || error || TEXTS.refused);
}
