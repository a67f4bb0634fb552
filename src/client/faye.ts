import type { BayeuxMessage } from "./wire.ts";

/** As much of the Faye client as we use. The first half is its public API. */
export interface FayeModule {
  readonly Client: new (url: string, options?: object) => FayeClient;
}

export interface FayeExtension {
  incoming(message: BayeuxMessage, next: (message: BayeuxMessage | null) => void): void;
  outgoing(message: BayeuxMessage, next: (message: BayeuxMessage | null) => void): void;
}

export interface FayeClient {
  addExtension(extension: FayeExtension): void;
  disable(feature: string): void;
  handshake(callback?: () => void): void;
  subscribe(channel: string, callback: (data: unknown) => void): unknown;
  publish(channel: string, data: object): unknown;
  disconnect(): unknown;
  on(event: "transport:down" | "transport:up", listener: () => void): void;
  removeAllListeners(event?: string): void;
}

/**
 * What we reach for inside. Faye has no way to be told "stop, now": it waits for close handshakes and tries again on timers of
 * its own. Everything is optional here, so that another version of Faye costs us speed and not correctness.
 */
export interface FayeInternals {
  _state?: number;
  _advice?: { reconnect?: string };
  _dispatcher?: FayeDispatcher;
  _responseCallbacks?: Map<string, unknown>;
  _sendMessage?(message: object, options: object, callback: () => void, context: object): void;
}

export interface FayeDispatcher {
  clientId?: string | null;
  connectionType?: string;
  endpoint?: { href: string };
  transports?: Record<string, Map<string, FayeTransport> | undefined>;
  _transport?: FayeTransport | undefined;
  _envelopes?: Map<string, FayeEnvelope>;
  _disabled?: string[];
  selectTransport?(types: readonly string[]): void;
  sendMessage?(): void;
  handleResponse?(): void;
  handleError?(): void;
  _sendEnvelope?(): void;
  removeAllListeners?(event?: string): void;
}

export interface FayeEnvelope {
  timer?: ReturnType<typeof setTimeout> | null;
  request?: Promise<{ abort?(): void } | undefined> | null;
}

export interface FayeTransport {
  connectionType?: string;
  _socket?: FayeSocket;
  _createSocket?(): FayeSocket | undefined;
  removeAllTimeouts?(): void;
  close?(): void;
}

export interface FayeSocket {
  readyState: number;
  onopen: unknown;
  onclose: unknown;
  onerror: unknown;
  onmessage: unknown;
  send(text: string): unknown;
  close(): void;
  addEventListener?(event: string, listener: () => void): void;
  /** The Node socket below, of the faye-websocket package. */
  _stream?: { destroy(): void; destroySoon(): void };
}

export function internals(client: FayeClient): FayeInternals {
  return client as unknown as FayeInternals;
}

let fallback: () => FayeModule | undefined = () => undefined;

/** Where Faye comes from when it is neither passed nor a global. Set by the Node entry; absent from the plain script. */
export function setFayeFallback(source: () => FayeModule | undefined): void {
  fallback = source;
}

export function findFaye(passed: FayeModule | undefined): FayeModule {
  // Not `globalThis`: the plain script runs in browsers that do not know it.
  const page = typeof window === "undefined" ? undefined : (window as unknown as { Faye?: FayeModule });
  const faye = passed ?? page?.Faye ?? fallback();
  if (!faye) {
    throw new Error(
      "No Faye client found: load /faye/client.js before this script, or pass it as the option `faye`.",
    );
  }
  return faye;
}
