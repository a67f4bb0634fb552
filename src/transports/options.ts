import { DEFAULT_UNIT_LIMITS, type UnitLimits } from "../bayeux/index.ts";
import type { TransportName } from "../bayeux/transport-name.ts";

export interface TransportOptions extends UnitLimits {
  /** Path under which everything here lives; no slash at the end. */
  readonly mount: string;
  readonly transports: ReadonlySet<TransportName>;
  /** Origins (scheme, host, port) beside the server's own. `"*"`: any, but without cookies. `"null"`: opaque ones. */
  readonly allowedOrigins: readonly string[];
  /** As Express has it: hops, addresses and subnets, `true` for everybody, `false` for nobody. */
  readonly trustProxy: boolean | number | string | readonly string[];
  /** HTTP bodies larger than this are not read. */
  readonly bodyBytes: number;
  /** WebSocket messages larger than this (after decompression) close the socket with 1009. */
  readonly frameBytes: number;
  /** Seconds of silence after which a websocket is pinged; as long again without an answer ends it. */
  readonly ping: number;
  readonly perMessageDeflate: boolean | object;
  /** Seconds that a socket may stay without ever saying anything. Stock clients do open such sockets. */
  readonly idle: number;
  /** Seconds within which a body must have arrived. */
  readonly bodyTimeout: number;
  /** Seconds after which a response or event stream is cut off of which nothing is read. */
  readonly unreadTimeout: number;
  /** Bytes waiting for one peer above which nothing more is delivered to it until they are gone. */
  readonly maxBuffered: number;
  /** `handshake-only`: enough for stock Faye, whose cross-origin handshake is always callback-polling. */
  readonly jsonp: "on" | "handshake-only" | "off";
  /** Peers speak https to us although this process cannot see it. */
  readonly secure: boolean;
  /** Open sockets, in all and from one address; 0 is no limit. */
  readonly maxSockets: number;
  readonly maxPerAddress: number;
}

/** In the order in which a client should prefer them. */
const ALL_TRANSPORTS: readonly TransportName[] = [
  "websocket",
  "eventsource",
  "long-polling",
  "cross-origin-long-polling",
  "callback-polling",
];

export const DEFAULT_TRANSPORT_OPTIONS: TransportOptions = {
  ...DEFAULT_UNIT_LIMITS,
  mount: "/faye",
  transports: new Set(ALL_TRANSPORTS),
  allowedOrigins: [],
  trustProxy: false,
  bodyBytes: 1024 * 1024,
  frameBytes: 1024 * 1024,
  ping: 12,
  perMessageDeflate: false,
  idle: 300,
  bodyTimeout: 15,
  unreadTimeout: 60,
  maxBuffered: 1024 * 1024,
  jsonp: "on",
  secure: false,
  maxSockets: 0,
  maxPerAddress: 0,
};

/** What a handshake reply announces. A transport that is good for the handshake alone is not announced. */
export function offeredTypes(options: Pick<TransportOptions, "transports" | "jsonp">): TransportName[] {
  return ALL_TRANSPORTS.filter(
    (name) => options.transports.has(name) && (name !== "callback-polling" || options.jsonp === "on"),
  );
}

/** The path below the mount: "" for the mount itself, undefined for what is not ours (case 133). */
export function pathBelow(mount: string, url: string): string | undefined {
  if (!url.startsWith(mount)) return undefined;
  const query = url.indexOf("?");
  const rest = url.slice(mount.length, query === -1 ? undefined : query);
  return rest === "" || rest.startsWith("/") ? rest : undefined;
}
