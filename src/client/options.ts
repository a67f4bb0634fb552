import { type Clock, systemClock } from "./clock.ts";
import { type FayeModule, findFaye } from "./faye.ts";

export interface ClientOptions {
  /** Scheme, host and port of the server. Default: the page's origin; in Node `http://localhost:8080`. */
  readonly host?: string;
  /** Where Bayeux is served. Default `/faye`. */
  readonly path?: string;
  /** The Faye client library. Default: the global `Faye`; in Node the `faye` package. */
  readonly faye?: FayeModule;
  /** Options of `Faye.Client`. */
  readonly fayeOptions?: object;
  /** The transports that may be used, most wanted first. Default: all, as Faye prefers them. */
  readonly transports?: readonly string[];
  /** The application's credential, for the server's `authenticate` hook. A function is asked before each handshake. */
  readonly token?: unknown;
  /** How many requests may wait while there is no connection. Default 100. */
  readonly offlineQueue?: number;
  /** ms that the first connect may take, attempts included. Default 30,000. */
  readonly connectTimeout?: number;
  /** For tests. */
  readonly clock?: Clock;
}

export interface Settings {
  readonly url: string;
  readonly faye: FayeModule;
  /** The application brought that Faye. */
  readonly ownFaye: boolean;
  readonly fayeOptions: object;
  readonly transports: readonly string[] | undefined;
  readonly token: unknown;
  readonly offlineQueue: number;
  readonly connectTimeout: number;
  readonly clock: Clock;
}

export function settle(options: ClientOptions): Settings {
  const host = options.host ?? (typeof location === "undefined" ? "http://localhost:8080" : location.origin);
  const path = options.path ?? "/faye";
  return {
    url: host.replace(/\/+$/, "") + (path.startsWith("/") ? path : `/${path}`),
    faye: findFaye(options.faye),
    ownFaye: options.faye !== undefined,
    fayeOptions: options.fayeOptions ?? {},
    transports: options.transports,
    token: options.token,
    offlineQueue: options.offlineQueue ?? 100,
    connectTimeout: options.connectTimeout ?? 30_000,
    clock: options.clock ?? systemClock,
  };
}
