/**
 * From whatever a client sent to one of six messages, or to the reply that refuses it. The field rules of
 * Bayeux 4 and 5, with the precedence that Faye's server has: of several faults the last in its order of
 * checks is the one reported (BAYEUX 1.4).
 */
import { handshakeAgain, none, retry } from "./advice.ts";
import {
  badRequest,
  connectionTypes,
  forbidden,
  invalidChannel,
  missing,
  tooManySubscriptions,
  unknownClient,
  versionMismatch,
} from "./errors.ts";
import { isChannel, isMeta, isPattern, isService } from "./grammar.ts";
import type { MessageLimits } from "./limits.ts";
import type { Ext, Message, MessageId, RefusedMessage, Reply } from "./messages.ts";
import { idOf, isObject, NOTHING, Refused } from "./refused.ts";
import { begin, handshakeRefused } from "./replies.ts";

type Fields = Readonly<Record<string, unknown>>;

/** More types than this is nonsense, not a client (case 47). */
const MAX_TYPES = 32;
/** An answer that is not held must not be followed at once (rule 21). */
const REFUSED_CONNECT_INTERVAL_MS = 5000;

// Exact equality only: loose matching of these names was an authentication bypass in Faye (BAYEUX 1.3).
export function parseMessage(raw: unknown, limits: MessageLimits): Message {
  if (raw instanceof Refused) return refusedBefore(raw, limits);
  if (!isObject(raw)) return refused(begin(undefined, undefined, false), badRequest());
  switch (raw.channel) {
    case "/meta/handshake":
      return parseHandshake(raw, limits);
    case "/meta/connect":
      return parseConnect(raw, limits);
    case "/meta/subscribe":
      return parseSubscription("subscribe", raw, limits);
    case "/meta/unsubscribe":
      return parseSubscription("unsubscribe", raw, limits);
    case "/meta/disconnect":
      return parseDisconnect(raw);
    default:
      return parsePublish(raw, limits);
  }
}

/** Bayeux 4.1; cases 41-54. A clientId in here is ignored. */
function parseHandshake(fields: Fields, limits: MessageLimits): Message {
  const id = idOf(fields.id);
  const types = fields.supportedConnectionTypes;
  const error = typesError(types, limits.types) ?? versionError(fields.version, fields.minimumVersion);
  // Never "handshake": Faye would come back at once and for ever (rule 3).
  if (error !== undefined) {
    return {
      kind: "refused",
      id,
      reply: handshakeRefused({ id }, error, none(limits.timeout), limits.types),
    };
  }
  const cometd = fields.minimumVersion !== undefined || fields.advice !== undefined;
  return { kind: "handshake", id, types: types as string[], ext: extOf(fields), cometd };
}

function typesError(types: unknown, offered: readonly string[]): string | undefined {
  if (types === undefined || types === null || types === "") return missing("supportedConnectionTypes");
  if (typeof types === "string") return connectionTypes([types]);
  if (!Array.isArray(types)) return connectionTypes([]);
  const known = types.length <= MAX_TYPES && types.every((type) => typeof type === "string");
  if (known && types.some((type) => offered.includes(type))) return undefined;
  return connectionTypes(types.slice(0, MAX_TYPES).filter((type) => typeof type === "string"));
}

/** Major version 1, as text or number (cases 48-50). */
function versionError(version: unknown, minimum: unknown): string | undefined {
  if (version === undefined || version === null || version === "" || version === 0) return missing("version");
  if (!isMajorOne(version)) return versionMismatch(primitive(version));
  if (minimum !== undefined && minimum !== null && !isMajorOne(minimum) && !String(minimum).startsWith("0")) {
    return versionMismatch(primitive(minimum));
  }
  return undefined;
}

function isMajorOne(version: unknown): boolean {
  if (typeof version === "number") return Math.trunc(version) === 1;
  return typeof version === "string" && /^1(?:\.|$)/.test(version);
}

/** Bayeux 4.2; cases 61-73. */
function parseConnect(fields: Fields, limits: MessageLimits): Message {
  const { connectionType } = fields;
  const clientError = clientIdError(fields.clientId);
  const typeError = connectionTypeError(connectionType, limits.types);
  if (typeError !== undefined || clientError !== undefined) {
    const reply = begin("/meta/connect", idOf(fields.id), false);
    // With no usable clientId there is no session to retry with; with one the session is kept (cases 66-69).
    reply.advice = clientError === undefined ? keepSession(limits) : handshakeAgain(0, limits.timeout);
    return refused(reply, typeError ?? clientError!);
  }
  return {
    kind: "connect",
    id: idOf(fields.id),
    clientId: fields.clientId as string,
    connectionType: connectionType as string,
    timeout: timeoutOf(fields.advice),
    ext: extOf(fields),
  };
}

function connectionTypeError(type: unknown, offered: readonly string[]): string | undefined {
  if (type === undefined || type === null || type === "") return missing("connectionType");
  // Not compared with the real transport: Faye and CometD move between them in mid-session (case 70).
  return typeof type === "string" && offered.includes(type) ? undefined : connectionTypes([primitive(type)]);
}

function timeoutOf(advice: unknown): number | null {
  if (!isObject(advice)) return null;
  const { timeout } = advice;
  return typeof timeout === "number" && Number.isFinite(timeout) && timeout >= 0 ? timeout : null;
}

/** Bayeux 4.4, 4.5; cases 84-98. All names are judged before any is acted upon (case 93). */
function parseSubscription(
  kind: "subscribe" | "unsubscribe",
  fields: Fields,
  limits: MessageLimits,
): Message {
  const { subscription } = fields;
  const absent = subscription === undefined || subscription === null || subscription === "";
  const names: unknown[] = absent ? [] : Array.isArray(subscription) ? subscription : [subscription];
  const error =
    namesError(names, limits) ??
    (absent ? missing("subscription") : undefined) ??
    clientIdError(fields.clientId);
  if (error !== undefined) {
    const reply = begin(`/meta/${kind}`, idOf(fields.id), false);
    reply.subscription = absent ? [] : subscription;
    return refused(reply, error);
  }
  return {
    kind,
    id: idOf(fields.id),
    clientId: fields.clientId as string,
    subscriptions: (names.length > 1 ? [...new Set(names)] : names) as string[],
    echo: subscription,
    ext: extOf(fields),
  };
}

function namesError(names: readonly unknown[], limits: MessageLimits): string | undefined {
  for (const [index, name] of names.entries()) {
    if (typeof name !== "string" || !isPattern(name, limits)) return invalidChannel(primitive(name));
    if (isMeta(name) || isService(name)) return forbidden(name);
    if (index >= limits.subscriptions) return tooManySubscriptions(name);
  }
  return undefined;
}

/** Bayeux 4.3; case 123. */
function parseDisconnect(fields: Fields): Message {
  const id = idOf(fields.id);
  const error = clientIdError(fields.clientId);
  if (error !== undefined) return refused(begin("/meta/disconnect", id, false), error);
  return { kind: "disconnect", id, clientId: fields.clientId as string, ext: extOf(fields) };
}

/**
 * Bayeux 5.1; cases 1-19, 102-111. Fields of a reply (`error`, `successful`, `advice`) and unknown ones are not
 * read, so they can neither refuse the message nor travel on.
 */
function parsePublish(fields: Fields, limits: MessageLimits): Message {
  const { channel } = fields;
  const error = publishError(fields, limits);
  if (error !== undefined) {
    return refused(begin(typeof channel === "string" ? channel : undefined, idOf(fields.id), false), error);
  }
  return {
    kind: "publish",
    id: idOf(fields.id),
    clientId: fields.clientId as string,
    channel: channel as string,
    data: fields.data,
    ext: extOf(fields),
  };
}

function publishError(fields: Fields, limits: MessageLimits): string | undefined {
  const { channel } = fields;
  const name = typeof channel === "string" ? channel : undefined;
  // `/meta/connect\n` is no name at all, so not a forbidden one either (cases 12, 13).
  if (name !== undefined && isMeta(name) && isPattern(name, limits)) return forbidden(name);
  if (fields.data === undefined) return missing("data");
  if (name === undefined || !isChannel(name, limits)) return invalidChannel(primitive(channel));
  return clientIdError(fields.clientId);
}

/** Of the wrong type it cannot be anybody's (case 96); absent is another fault than unknown (case 95). */
function clientIdError(clientId: unknown): string | undefined {
  if (clientId === undefined || clientId === null || clientId === "") return missing("clientId");
  return typeof clientId === "string" ? undefined : unknownClient(primitive(clientId));
}

function refusedBefore(item: Refused, limits: MessageLimits): Message {
  const { id, channel, error } = item;
  if (channel === "/meta/handshake") {
    return {
      kind: "refused",
      id,
      reply: handshakeRefused({ id }, error, none(limits.timeout), limits.types),
    };
  }
  const reply = begin(channel, id, false);
  if (channel === "/meta/connect") reply.advice = keepSession(limits);
  if (channel === "/meta/subscribe" || channel === "/meta/unsubscribe") {
    reply.subscription = item.subscription ?? [];
  }
  return refused(reply, error);
}

function refused(reply: Reply, error: string): RefusedMessage {
  reply.error = error;
  return { kind: "refused", id: reply.id as MessageId, reply };
}

function keepSession(limits: MessageLimits) {
  return retry(limits.timeout, REFUSED_CONNECT_INTERVAL_MS);
}

function extOf(fields: Fields): Ext {
  return isObject(fields.ext) ? fields.ext : NOTHING;
}

/** What of a value can stand in an error: a number yes, an object no (case 17). */
function primitive(value: unknown): string {
  return typeof value === "string" ? value : typeof value === "number" ? String(value) : "";
}
