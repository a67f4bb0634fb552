/** The messages of Bayeux 4 and 5, as the server sees them once every field has been judged. */

/** A message on its way back: written out as it is. */
export type Reply = Record<string, unknown>;

/** Undefined when absent or of another type. */
export type MessageId = string | number | undefined;

/** Never trusted; empty when the client sent none. */
export type Ext = Readonly<Record<string, unknown>>;

export interface HandshakeMessage {
  readonly kind: "handshake";
  readonly id: MessageId;
  readonly types: readonly string[];
  readonly ext: Ext;
  /** Sent by a CometD client, which never repeats a publish and restarts its ids on reload (BAYEUX 3.7). */
  readonly cometd: boolean;
}

export interface ConnectMessage {
  readonly kind: "connect";
  readonly id: MessageId;
  readonly clientId: string;
  readonly connectionType: string;
  /** Milliseconds the client is willing to wait, not clamped from above; null when it did not say (case 73). */
  readonly timeout: number | null;
  readonly ext: Ext;
}

export interface SubscriptionMessage {
  readonly kind: "subscribe" | "unsubscribe";
  readonly id: MessageId;
  readonly clientId: string;
  /** Valid patterns, each once. */
  readonly subscriptions: readonly string[];
  /** The `subscription` field as it came, for the reply. */
  readonly echo: unknown;
  readonly ext: Ext;
}

export interface DisconnectMessage {
  readonly kind: "disconnect";
  readonly id: MessageId;
  readonly clientId: string;
  readonly ext: Ext;
}

export interface PublishMessage {
  readonly kind: "publish";
  readonly id: MessageId;
  readonly clientId: string;
  readonly channel: string;
  readonly data: unknown;
  readonly ext: Ext;
}

export interface RefusedMessage {
  readonly kind: "refused";
  readonly id: MessageId;
  readonly reply: Reply;
}

export type Message =
  | HandshakeMessage
  | ConnectMessage
  | SubscriptionMessage
  | DisconnectMessage
  | PublishMessage
  | RefusedMessage;
