/**
 * Every error that a Bayeux reply can carry: three digits, arguments, text (Bayeux 3.5). Faye's words where it
 * has one. Both JavaScript clients steer by `successful` and `advice` alone; the code is for people and for our
 * own client.
 */

interface ErrorRow {
  readonly code: number;
  /** Goes over the wire; letters, digits, spaces and dots only. */
  readonly text: string;
  readonly meaning: string;
}

export const ERRORS = {
  versionMismatch: {
    code: 300,
    text: "Version mismatch",
    meaning: "the handshake asks for another major version than 1",
  },
  connectionTypes: {
    code: 301,
    text: "Connection types not supported",
    meaning: "none of the client's transports is offered here, or a connect names an unknown one",
  },
  badRequest: { code: 400, text: "Bad request", meaning: "not a message, or not JSON" },
  tooManyMessages: {
    code: 400,
    text: "Too many messages",
    meaning: "more messages in one batch than allowed",
  },
  tooDeep: { code: 400, text: "Message nested too deeply", meaning: "more levels of nesting than allowed" },
  unknownClient: {
    code: 401,
    text: "Unknown client",
    meaning: "the session has ended, was superseded, or is not this requester's",
  },
  missing: { code: 402, text: "Missing required parameter", meaning: "the named field is absent" },
  forbidden: { code: 403, text: "Forbidden channel", meaning: "this channel is not for this client" },
  denied: { code: 403, text: "Forbidden", meaning: "policy refuses the request" },
  tooManySubscriptions: {
    code: 403,
    text: "Too many subscriptions",
    meaning: "the session's limit would be passed; nothing of this message was subscribed",
  },
  invalidChannel: { code: 405, text: "Invalid channel", meaning: "the name is outside the channel grammar" },
  timedOut: { code: 408, text: "Request timeout", meaning: "the request's body came too slowly" },
  messageTooLarge: {
    code: 413,
    text: "Message too large",
    meaning: "one message, or the whole body, is too big",
  },
  rateLimited: { code: 429, text: "Too many requests", meaning: "slow down; surely not done" },
  unread: {
    code: 429,
    text: "Too much unread",
    meaning: "what was answered before is not fetched, and nothing more is done until it is; surely not done",
  },
  internal: { code: 500, text: "Internal server error", meaning: "the server's fault; the log has the rest" },
  unavailable: {
    code: 503,
    text: "Service unavailable",
    meaning: "the store is away; surely not done, try again",
  },
  outcomeUnknown: {
    code: 504,
    text: "Outcome unknown",
    meaning: "the store did not answer in time; it may or may not have been done",
  },
} as const satisfies Record<string, ErrorRow>;

export type ErrorName = keyof typeof ERRORS;

const MAX_ARGS = 8;
const MAX_ARG_LENGTH = 100;

// Faye's client reads an error only when it keeps to this alphabet and otherwise reports `code: null`
// (BAYEUX 1.4), which its own server's `405:/foo?x:…` falls victim to.
const ILLEGAL = /[^A-Za-z0-9\-_!~()$@ /*.]/g;

/** An error of any code. Arguments and text are brought into the legal alphabet and cut to size (cases 11, 47, 191, 192). */
export function bayeuxError(code: number, args: readonly string[] = [], text?: string): string {
  const digits = String(code).padStart(3, "0");
  return `${digits}:${args.slice(0, MAX_ARGS).map(legal).join(",")}:${legal(text ?? textOf(code))}`;
}

export const unknownClient = (id: string): string => named("unknownClient", id);
export const missing = (field: string): string => named("missing", field);
export const forbidden = (channel: string): string => named("forbidden", channel);
export const invalidChannel = (channel: string): string => named("invalidChannel", channel);
export const tooManySubscriptions = (channel: string): string => named("tooManySubscriptions", channel);
export const versionMismatch = (version: string): string => named("versionMismatch", version);
export const connectionTypes = (types: readonly string[]): string => bayeuxError(301, types);
/** A refusal by policy, in the application's own words if it has any. */
export const denied = (text?: string): string => bayeuxError(403, [], text ?? ERRORS.denied.text);
export const badRequest = (): string => named("badRequest");
export const tooManyMessages = (): string => named("tooManyMessages");
export const tooDeep = (): string => named("tooDeep");
export const timedOut = (): string => named("timedOut");
export const messageTooLarge = (): string => named("messageTooLarge");
export const rateLimited = (): string => named("rateLimited");
export const unread = (): string => named("unread");
export const internal = (): string => named("internal");
export const unavailable = (): string => named("unavailable");
export const outcomeUnknown = (): string => named("outcomeUnknown");

function named(name: ErrorName, arg?: string): string {
  const { code, text } = ERRORS[name];
  return bayeuxError(code, arg === undefined ? [] : [arg], text);
}

function textOf(code: number): string {
  return Object.values(ERRORS).find((row) => row.code === code)?.text ?? "";
}

function legal(text: string): string {
  // Cut first: a megabyte of hostile text is not worth a replacement (case 191).
  return text.slice(0, MAX_ARG_LENGTH).replace(ILLEGAL, "_");
}
