/**
 * What goes back to the sender of a message. Every reply has `successful` and the id of its request, with the
 * same JSON type (rule 5, cases 36-39); none has `data`, which CometD would take for a delivery (rule 6).
 */
import type { Advice } from "./advice.ts";
import type {
  ConnectMessage,
  HandshakeMessage,
  Message,
  PublishMessage,
  Reply,
  SubscriptionMessage,
} from "./messages.ts";

/** A message that was understood, and so can be answered. */
export type Answerable = Exclude<Message, { kind: "refused" }>;

export const VERSION = "1.0";

interface Handshaken {
  readonly clientId: string;
  readonly advice: Advice;
  readonly ext?: Readonly<Record<string, unknown>>;
  /** Everything this server offers, not the intersection: old Faye clients announce too little (rule 12). */
  readonly types: readonly string[];
}

export function handshakeReply(message: HandshakeMessage, handshaken: Handshaken): Reply {
  const reply = begin("/meta/handshake", message.id, true);
  reply.version = VERSION;
  reply.supportedConnectionTypes = handshaken.types;
  reply.clientId = handshaken.clientId;
  reply.advice = handshaken.advice;
  if (handshaken.ext !== undefined) reply.ext = handshaken.ext;
  return reply;
}

/** The types stay in: without them both clients' handshake code crashes (rule 12). */
export function handshakeRefused(
  message: Pick<HandshakeMessage, "id">,
  error: string,
  advice: Advice,
  types: readonly string[],
): Reply {
  const reply = begin("/meta/handshake", message.id, false);
  reply.version = VERSION;
  reply.supportedConnectionTypes = types;
  reply.error = error;
  reply.advice = advice;
  return reply;
}

export function connectReply(
  message: Pick<ConnectMessage, "id">,
  answer: { readonly advice: Advice; readonly ext?: Readonly<Record<string, unknown>> },
): Reply {
  const reply = begin("/meta/connect", message.id, true);
  reply.advice = answer.advice;
  if (answer.ext !== undefined) reply.ext = answer.ext;
  return reply;
}

export function subscriptionReply(message: SubscriptionMessage): Reply {
  const reply = begin(`/meta/${message.kind}`, message.id, true);
  reply.subscription = message.echo;
  return reply;
}

export function publishReply(message: Pick<PublishMessage, "id" | "channel">): Reply {
  return begin(message.channel, message.id, true);
}

export function disconnectReply(message: { readonly id: Message["id"] }): Reply {
  return begin("/meta/disconnect", message.id, true);
}

/** Advice belongs on failed connects and handshakes only: on any other reply both clients obey it (BAYEUX 1.11). */
export function failure(message: Answerable, error: string, advice?: Advice): Reply {
  const channel = message.kind === "publish" ? message.channel : `/meta/${message.kind}`;
  const reply = begin(channel, message.id, false);
  // CometD undoes a failed subscription by this echo (BAYEUX 1.7).
  if (message.kind === "subscribe" || message.kind === "unsubscribe") reply.subscription = message.echo;
  reply.error = error;
  if (advice !== undefined) reply.advice = advice;
  return reply;
}

/** The start of any reply. `channel` and `id` only where there are any (case 26). */
export function begin(channel: string | undefined, id: Message["id"], successful: boolean): Reply {
  const reply: Reply = {};
  if (id !== undefined) reply.id = id;
  if (channel !== undefined) reply.channel = channel;
  reply.successful = successful;
  return reply;
}
