/** Bytes in and out: WebSockets, polls, event streams. What they say is the gateway's business. */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import type { Clock, Log } from "../ports.ts";
import type { Gateway } from "../sessions/gateway.ts";
import { Addresses } from "./addresses.ts";
import { HttpTransports } from "./http.ts";
import { DEFAULT_TRANSPORT_OPTIONS, pathBelow, type TransportOptions } from "./options.ts";
import { OriginPolicy } from "./origin.ts";
import { Peers } from "./peer.ts";
import { Sockets } from "./sockets.ts";
import { Sweep } from "./sweep.ts";

export { DEFAULT_TRANSPORT_OPTIONS, offeredTypes, type TransportOptions } from "./options.ts";

export interface Transports {
  /** Whether the path of this URL is the mount or below it. */
  owns(url: string): boolean;
  request(request: IncomingMessage, response: ServerResponse): void;
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  /** Ends sockets with 1001, and streams; polls that are under way are the gateway's to answer. */
  close(): void;
  counts(): TransportCounts;
}

export interface TransportCounts {
  readonly sockets: number;
  readonly streams: number;
  /** HTTP requests that were handed to the gateway and are not answered yet. */
  readonly polls: number;
}

export interface TransportsNeeds {
  readonly gateway: Gateway;
  /** What is left out is as in `DEFAULT_TRANSPORT_OPTIONS`. */
  readonly options?: Partial<TransportOptions>;
  readonly log: Log;
  readonly clock: Clock;
}

export function createTransports({ gateway, options: given, log, clock }: TransportsNeeds): Transports {
  const merged = { ...DEFAULT_TRANSPORT_OPTIONS, ...given };
  const options: TransportOptions = { ...merged, mount: merged.mount.replace(/\/+$/, "") };
  const sweep = new Sweep(clock);
  const peers = new Peers(options);
  const origins = new OriginPolicy(options.allowedOrigins);
  const addresses = new Addresses(options.maxPerAddress);
  const shared = { gateway, options, log, sweep, peers, origins, addresses };
  const http = new HttpTransports(shared);
  const sockets = new Sockets({ ...shared, clock });
  return {
    owns: (url) => pathBelow(options.mount, url) !== undefined,
    request: (request, response) => http.request(request, response),
    upgrade: (request, socket, head) => sockets.upgrade(request, socket, head),
    close() {
      http.close();
      sockets.close();
      sweep.stop();
    },
    counts: () => ({ sockets: sockets.size, streams: http.streams, polls: http.polls }),
  };
}
