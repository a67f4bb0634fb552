import { createRequire } from "node:module";
import type { FayeModule } from "../../src/client/index.ts";

/** The two ways in which Faye reaches a server from Node, replaced by ways that end in memory. */
const require = createRequire(import.meta.url);
export const Faye = require("faye") as FayeModule;
const sockets = require("faye/src/util/websocket") as { create(): FakeSocket };
const NodeHttp = require("faye/src/transport/node_http") as {
  prototype: { request(messages: Wire[]): object };
};

interface HttpTransport {
  _receive(replies: Wire[]): void;
  _handleError(messages: Wire[]): void;
}

export interface Asked {
  readonly event?: string;
  readonly message?: string;
  readonly room?: string;
  readonly messageId?: string;
  readonly resend?: boolean;
  readonly params?: { readonly action?: string };
}

export interface Own {
  readonly room?: string;
  readonly n?: number;
  readonly positions?: Record<string, string>;
  readonly resume?: Fields;
  readonly [field: string]: unknown;
}

export type Fields = Record<string, unknown>;

export interface Wire {
  channel: string;
  id?: string;
  clientId?: string;
  data?: Asked & Fields;
  ext?: { token?: unknown; actionwire?: Own };
  advice?: { reconnect?: string; interval?: number; timeout?: number };
  subscription?: string;
  successful?: boolean;
  error?: string;
  supportedConnectionTypes?: string[];
}

export interface Link {
  readonly kind: "websocket" | "long-polling";
  send(messages: Wire[]): void;
}

/** What the network wants of a server. */
export interface Reached {
  down: boolean;
  noSockets: boolean;
  swallowUpgrades: boolean;
  blackHole: boolean;
  opened: number;
  readonly sockets: Set<FakeSocket>;
  arrive(messages: Wire[], link: Link): void;
}

export class FakeSocket {
  readyState = 0;
  onopen: ((event: { data?: string }) => void) | null = null;
  onclose: ((event: { data?: string }) => void) | null = null;
  onerror: ((event: { data?: string }) => void) | null = null;
  onmessage: ((event: { data?: string }) => void) | null = null;
  readonly server: Reached;
  private readonly listeners = new Map<string, (() => void)[]>();

  constructor(server: Reached) {
    this.server = server;
    setTimeout(() => {
      if (this.readyState !== 0) return;
      if (server.swallowUpgrades) return;
      if (server.down || server.noSockets) {
        this.shut("error");
        return;
      }
      this.readyState = 1;
      this.onopen?.({});
    }, 1);
  }
  addEventListener(event: string, run: () => void): void {
    this.listeners.set(event, [...(this.listeners.get(event) ?? []), run]);
  }
  send(text: string): void {
    const { server } = this;
    server.sockets.add(this);
    server.arrive(JSON.parse(text), this.link);
  }
  readonly link: Link = {
    kind: "websocket",
    send: (messages) => {
      setTimeout(() => {
        if (this.readyState === 1 && !this.server.blackHole)
          this.onmessage?.({ data: JSON.stringify(messages) });
      }, 1);
    },
  };
  /** Closing waits for the peer, which in a black hole never answers. */
  close(): void {
    if (this.readyState > 1) return;
    this.readyState = 2;
    setTimeout(() => this.shut("close"), this.server.blackHole ? 30_000 : 1);
  }
  shut(event: "close" | "error"): void {
    if (this.readyState === 3) return;
    this.readyState = 3;
    this.server.sockets.delete(this);
    // As in Node: handlers before listeners.
    if (event === "error") this.onerror?.({});
    this.onclose?.({});
    for (const run of this.listeners.get(event) ?? []) run();
  }
}

/** Returns how to put the real ways back. */
export function replaceNetwork(server: Reached): () => void {
  const create = sockets.create;
  const request = NodeHttp.prototype.request;
  sockets.create = () => {
    server.opened += 1;
    return new FakeSocket(server);
  };
  NodeHttp.prototype.request = function (this: HttpTransport, messages: Wire[]) {
    let over = false;
    const copy = JSON.parse(JSON.stringify(messages));
    setTimeout(() => {
      if (over || server.blackHole) return;
      if (server.down) {
        this._handleError(messages);
        return;
      }
      server.arrive(copy, {
        kind: "long-polling",
        send: (replies) => {
          setTimeout(() => {
            if (!over && !server.blackHole) this._receive(JSON.parse(JSON.stringify(replies)));
            over = true;
          }, 1);
        },
      });
    }, 1);
    return {
      abort: () => {
        over = true;
      },
    };
  };
  const realFetch = globalThis.fetch;
  globalThis.fetch = (_url, init) =>
    new Promise((resolve, reject) => {
      setTimeout(() => {
        if (server.blackHole) return;
        if (server.down) reject(new TypeError("fetch failed"));
        else {
          server.arrive(JSON.parse(String(init?.body)), {
            kind: "long-polling",
            send: (replies) => resolve(Response.json(replies)),
          });
        }
      }, 1);
    });
  return () => {
    globalThis.fetch = realFetch;
    sockets.create = create;
    NodeHttp.prototype.request = request;
  };
}
