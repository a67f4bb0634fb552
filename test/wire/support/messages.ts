/** Bayeux as a reader of the specification writes it. */

export type Message = Readonly<Record<string, unknown>>;

export const LINE = "/client/websocket/connection/";
export const lineOf = (id: string): string => `${LINE}${id}`;

export const UUID4 = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

export const TYPES = [
  "websocket",
  "eventsource",
  "long-polling",
  "cross-origin-long-polling",
  "callback-polling",
];

export const handshake = (more: object = {}): Message => ({
  channel: "/meta/handshake",
  version: "1.0",
  supportedConnectionTypes: ["long-polling"],
  ...more,
});

export const connect = (clientId: unknown, more: object = {}): Message => ({
  channel: "/meta/connect",
  clientId,
  connectionType: "long-polling",
  ...more,
});

export const subscribe = (clientId: unknown, subscription: unknown, more: object = {}): Message => ({
  channel: "/meta/subscribe",
  clientId,
  subscription,
  ...more,
});

export const unsubscribe = (clientId: unknown, subscription: unknown, more: object = {}): Message => ({
  channel: "/meta/unsubscribe",
  clientId,
  subscription,
  ...more,
});

export const publish = (clientId: unknown, channel: unknown, data: unknown, more: object = {}): Message => ({
  channel,
  clientId,
  data,
  ...more,
});

export const disconnect = (clientId: unknown, more: object = {}): Message => ({
  channel: "/meta/disconnect",
  clientId,
  ...more,
});

/** A message for subscribers, not an answer to anybody. */
export const isDelivery = (message: Message): boolean => !("successful" in message);

/** The advice with which a connect is simply repeated (BAYEUX 7, TR; `maxInterval` as in 3.6). */
export const again = (timeout: number, grace = 120): object => ({
  reconnect: "retry",
  interval: 0,
  timeout: timeout * 1000,
  maxInterval: grace * 1000,
});

/** What a handshake reply says of the session; the connection's id is empty where the server is not ours. */
export function minted(reply: Message): { clientId: string; connectionId: string } {
  const { clientId, ext } = reply as { clientId: string; ext?: { actionwire?: { connectionId: string } } };
  return { clientId, connectionId: ext?.actionwire?.connectionId ?? "" };
}
