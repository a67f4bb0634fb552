/**
 * Where transports and sessions meet. A transport turns bytes into units (arrays of whatever JSON the peer
 * sent) and writes texts; everything in between is the gateway's.
 */

import type { TransportName } from "../bayeux/transport-name.ts";

/** Who is asking. Built by the transport for each socket or request. */
export interface Requester {
  readonly remoteIP: string;
  readonly remotePort: number;
  readonly secure: boolean;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  /** Parsed; empty when the request must be treated as anonymous (cross-site without an allowed origin). */
  readonly cookies: Readonly<Record<string, string | undefined>>;
}

/**
 * A way to reach one peer: a WebSocket, the response of one HTTP request, or an event stream.
 *
 * `once` links (HTTP responses) take exactly one `send`; the others any number. A text is a whole JSON array.
 */
export interface Link {
  readonly transport: TransportName;
  readonly once: boolean;
  readonly requester: Requester;
  /** False while too much is buffered: skip it, the transport calls `Gateway.drained`. */
  readonly writable: boolean;
  /** `done(true)` when the text was handed to the network whole, `done(false)` when it surely was not all. */
  send(text: string, done?: (handed: boolean) => void): void;
  /** Ends it. WebSocket: close code and reason. Idempotent. */
  close(code: number, reason: string): void;
  /** Event streams: how many milliseconds after its end the client is to open another one. */
  again?(ms: number): void;
  /**
   * The gateway's own. It has its place here since a table of links would be filled and emptied with each poll: the collector
   * keeps what such a table held for as long as the table, requests and responses and all.
   */
  bound?: unknown;
}

export interface Gateway {
  /** A unit arrived. Items may be anything JSON can say. Every `once` link is answered with exactly one send. */
  receive(unit: readonly unknown[], link: Link): void;
  /** An event stream wants this session's deliveries. False: unknown session, answer 404. */
  stream(clientId: string, link: Link): Promise<boolean>;
  /** The link can take more after `writable` was false. */
  drained(link: Link): void;
  /** A sign of life without a message (pong). */
  alive(link: Link): void;
  /** Nothing goes over it any more: the peer has gone, or what was sent on a `once` link has left. */
  closed(link: Link): void;
}
