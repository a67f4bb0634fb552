import type { ServerResponse } from "node:http";
import { unavailable } from "../bayeux/index.ts";
import type { TransportName } from "../bayeux/transport-name.ts";
import type { Gateway, Link, Requester } from "../sessions/gateway.ts";
import { cutUnread, type Headers, JSON_TYPE, writeText } from "./respond.ts";

/** Turns the JSON array into the body: JSON-P wraps it. */
export type Wrap = (text: string) => string;

interface Answering {
  readonly gateway: Gateway;
  readonly transport: TransportName;
  readonly requester: Requester;
  readonly headers: Headers;
  readonly wrap: Wrap | undefined;
  readonly unreadMs: number;
  /** The response is over, one way or the other. */
  readonly over: () => void;
}

/** The response of one HTTP request: takes one text. */
export class PollLink implements Link {
  readonly once = true;
  readonly writable = true;
  readonly #response: ServerResponse;
  readonly #answering: Answering;
  bound?: unknown;
  #state: "open" | "sending" | "sent" | "gone" = "open";
  #done: ((handed: boolean) => void) | undefined;

  constructor(response: ServerResponse, answering: Answering) {
    this.#response = response;
    this.#answering = answering;
    // First in line, while the response still knows its socket.
    response.prependListener("finish", () => this.#finished());
    // Follows a finish too. Before one it says that the peer has gone, and its messages must be kept (case 77).
    response.on("close", () => this.#closed());
  }

  get transport(): TransportName {
    return this.#answering.transport;
  }

  get requester(): Requester {
    return this.#answering.requester;
  }

  send(text: string, done?: (handed: boolean) => void): void {
    this.#write(200, text, done);
  }

  /** Whoever closes without an answer leaves the peer one to come back with. */
  close(_code: number, _reason: string): void {
    this.#write(503, JSON.stringify([{ successful: false, error: unavailable() }]));
  }

  #write(status: number, text: string, done?: (handed: boolean) => void): void {
    if (this.#state !== "open") {
      done?.(false);
      return;
    }
    this.#state = "sending";
    this.#done = done;
    const { wrap, headers, unreadMs } = this.#answering;
    headers["Content-Type"] ??= JSON_TYPE;
    writeText(this.#response, status, wrap === undefined ? text : wrap(text), headers);
    cutUnread(this.#response, unreadMs);
  }

  #finished(): void {
    // Node says "finish" also when the socket broke with the text still in its buffer; "close" follows.
    if (this.#state !== "sending" || this.#response.socket?.destroyed !== false) return;
    this.#state = "sent";
    this.#done?.(true);
  }

  #closed(): void {
    this.#answering.over();
    if (this.#state !== "sent") {
      this.#state = "gone";
      this.#done?.(false);
    }
    // Also when it was answered: the gateway remembers a link until it is told.
    this.#answering.gateway.closed(this);
  }
}
