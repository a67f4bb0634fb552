/** What travels between our client and the server above Bayeux (docs/protocol.md, section 6). */

export interface Advice {
  readonly reconnect?: string;
  readonly interval?: number;
  readonly timeout?: number;
}

/** With the reply to a verb, and with the first welcome. */
export interface Joined {
  readonly topic: string;
  readonly position: string;
  readonly last?: number;
  readonly room: string;
}

/** `ext.actionwire` of a delivery. */
export interface DeliveryExt {
  readonly topic?: string;
  readonly position?: string;
  readonly joined?: Joined;
  readonly left?: string;
  /** A connect is wanted, with our positions. */
  readonly present?: boolean;
}

/** `ext.actionwire.resume` of a handshake reply. */
export interface Resume {
  readonly token?: string;
  readonly resumed?: boolean;
  /** Seconds. */
  readonly grace?: number;
  readonly room?: string | null;
  readonly topic?: string | null;
  /** Where the room begins for this connection. */
  readonly position?: string;
  readonly last?: number;
  readonly listeningRooms?: readonly string[];
  readonly verb?: number;
}

/** `ext.actionwire.limits` of a handshake reply. */
export interface Limits {
  /** Bytes of one message, as it is on the wire. */
  readonly message?: number;
}

export interface BayeuxMessage {
  id?: string;
  channel: string;
  clientId?: string;
  successful?: boolean;
  error?: string;
  data?: unknown;
  subscription?: string;
  advice?: Advice;
  ext?: Record<string, unknown>;
}

/** What the server says on the line: the whole of it is handed to callbacks and event handlers. */
export interface Message {
  readonly context?: string;
  readonly messageId?: string;
  readonly status?: unknown;
  readonly error?: unknown;
  readonly code?: unknown;
  readonly details?: unknown;
  readonly data?: unknown;
  readonly [field: string]: unknown;
}

export function actionwireExt(message: BayeuxMessage): Record<string, unknown> {
  const ext = message.ext?.actionwire;
  return typeof ext === "object" && ext !== null ? (ext as Record<string, unknown>) : {};
}

/** Whether a message has more bytes than `limit`, on the wire. */
export function isLarger(message: BayeuxMessage, limit: number): boolean {
  if (limit === Number.POSITIVE_INFINITY) return false;
  const { length } = JSON.stringify(message);
  // A character has three bytes at most; most messages are not counted.
  if (length > limit || length * 3 <= limit) return length > limit;
  return new TextEncoder().encode(JSON.stringify(message)).length > limit;
}

/** The node is going down and has surely not done it: another one will. */
export function isStopping(message: BayeuxMessage): boolean {
  return actionwireExt(message).stopping === true;
}
