/** What carries messages, by the names of Bayeux's connection types. */
export type TransportName =
  | "websocket"
  | "long-polling"
  | "cross-origin-long-polling"
  | "callback-polling"
  | "eventsource";
