import type { ServerResponse } from "node:http";
import type { Gateway, Link, Requester } from "../sessions/gateway.ts";
import { cutUnread, type Headers } from "./respond.ts";

interface Streaming {
  readonly gateway: Gateway;
  readonly requester: Requester;
  readonly headers: Headers;
  readonly maxBuffered: number;
  readonly unreadMs: number;
  readonly over: (link: StreamLink) => void;
}

/** Milliseconds after which a browser opens a broken stream again. */
const RETRY_MS = 5000;

const retryAfter = (ms: number): string => `retry: ${ms}\r\n\r\n`;

/** An EventSource stream (BAYEUX 2.6): deliveries only; replies go with the requests they answer. */
export class StreamLink implements Link {
  readonly transport = "eventsource";
  readonly once = false;
  bound?: unknown;
  readonly #response: ServerResponse;
  readonly #streaming: Streaming;
  #open = false;
  #closed = false;
  #blocked = false;

  constructor(response: ServerResponse, streaming: Streaming) {
    this.#response = response;
    this.#streaming = streaming;
    response.on("drain", () => this.#drained());
    response.on("close", () => this.#gone());
  }

  get requester(): Requester {
    return this.#streaming.requester;
  }

  get writable(): boolean {
    return !this.#blocked;
  }

  /** Deliveries may come before `Gateway.stream` has answered, so either of them opens. */
  open(): void {
    if (this.#open || this.#closed) return;
    this.#open = true;
    // The clientId is in the URL: it must not travel on in a Referer.
    this.#response.writeHead(200, {
      ...this.#streaming.headers,
      "Content-Type": "text/event-stream",
      Connection: "close",
      "Referrer-Policy": "no-referrer",
      "X-Accel-Buffering": "no",
    });
    // There is a sign of life each ten seconds, as long as the peer reads.
    cutUnread(this.#response, this.#streaming.unreadMs);
    this.#response.write(retryAfter(RETRY_MS));
  }

  send(text: string, done?: (handed: boolean) => void): void {
    if (this.#closed) {
      done?.(false);
      return;
    }
    this.open();
    // A line break would end the field; between the tokens of JSON it is only white space.
    const line = text.includes("\n") ? text.replaceAll("\n", " ") : text;
    const event = `data: ${line}\r\n\r\n`;
    const response = this.#response;
    if (done === undefined) response.write(event);
    else response.write(event, (error) => done(!error));
    if (response.writableNeedDrain && response.writableLength > this.#streaming.maxBuffered)
      this.#blocked = true;
  }

  again(ms: number): void {
    if (this.#open && !this.#closed) this.#response.write(retryAfter(ms));
  }

  close(_code: number, _reason: string): void {
    this.#response.end();
  }

  /** The gateway does not want it: what happens to the response is none of its business any more. */
  dismiss(): void {
    this.#closed = true;
    this.#streaming.over(this);
  }

  /** A comment, so that proxies see life and a dead peer is noticed. */
  keepAlive(): void {
    if (this.#open && !this.#blocked) this.#response.write(":\r\n\r\n");
  }

  #drained(): void {
    if (!this.#blocked) return;
    this.#blocked = false;
    this.#streaming.gateway.drained(this);
  }

  #gone(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#streaming.over(this);
    this.#streaming.gateway.closed(this);
  }
}
