/**
 * The transports that Faye has in browsers only, made of Node's http, so that our client uses them here. Above the wire they
 * are Faye's own: what they encode, how they batch, when they are chosen.
 */
import http from "node:http";
import { createRequire } from "node:module";
import type { FayeModule } from "../../src/client/faye.ts";

const require = createRequire(import.meta.url);

interface Dispatcher {
  readonly clientId?: string;
  readonly transports: { eventsource?: Map<string, unknown> };
}

interface Base {
  readonly endpoint: URL;
  readonly _dispatcher: Dispatcher;
  _receive(replies: unknown): void;
  _handleError(messages: readonly object[]): void;
}

interface BaseClass {
  new (dispatcher: Dispatcher, endpoint: URL): Base;
  readonly _transports: [string, unknown][];
  register(type: string, transport: unknown): void;
}

const Faye = require("faye") as FayeModule;
const Transport = require("faye/src/transport/transport") as BaseClass;
const NodeHttp = require("faye/src/transport/node_http") as BaseClass;

type Answer = (usable: boolean) => void;

/** `GET ?message=…&jsonp=name`, answered with a script that calls `name`. */
class CallbackPolling extends Transport {
  static #count = 0;

  static isUsable(_dispatcher: Dispatcher, _endpoint: URL, answer: Answer, context: unknown): void {
    answer.call(context, true);
  }

  encode(messages: readonly object[]): string {
    return this.#url(messages, "__jsonp0__").href;
  }

  request(messages: readonly object[]): { abort(): void } {
    CallbackPolling.#count += 1;
    const name = `__jsonp${CallbackPolling.#count}__`;
    let over = false;
    const fail = (): void => {
      if (!over) this._handleError(messages);
      over = true;
    };
    const request = http.get(this.#url(messages, name), (response) => {
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => {
        text += chunk;
      });
      response.on("error", fail);
      response.on("end", () => {
        const begins = `/**/${name}(`;
        if (over) return;
        if (!text.startsWith(begins) || !text.endsWith(");")) return fail();
        over = true;
        this._receive(JSON.parse(text.slice(begins.length, -2)));
      });
    });
    request.on("error", fail);
    return {
      abort: () => {
        over = true;
        request.destroy();
      },
    };
  }

  #url(messages: readonly object[], name: string): URL {
    const url = new URL(this.endpoint.href);
    url.searchParams.set("message", JSON.stringify(messages));
    url.searchParams.set("jsonp", name);
    return url;
  }
}

/** `GET /faye/{clientId}` brings messages, and is opened again when it ends, as browsers do; requests go as with long-polling. */
class EventStream extends NodeHttp {
  /** As Faye's own, for whoever ends it. */
  _socket: { close(): void } | undefined;
  readonly #waiting: Answer[] = [];
  #usable: boolean | undefined;
  #request: http.ClientRequest | undefined;
  #closed = false;
  /** ms, as the server says, but a second at most: nobody here wants to wait longer. */
  #again = 1_000;

  static isUsable(dispatcher: Dispatcher, endpoint: URL, answer: Answer, context: unknown): void {
    if (!dispatcher.clientId) answer.call(context, false);
    else EventStream.create(dispatcher, endpoint).usable((usable) => answer.call(context, usable));
  }

  static create(dispatcher: Dispatcher, endpoint: URL): EventStream {
    dispatcher.transports.eventsource ??= new Map();
    const streams = dispatcher.transports.eventsource as Map<string, EventStream>;
    const key = `${endpoint.href}/${dispatcher.clientId}`;
    let stream = streams.get(key);
    if (!stream) {
      stream = new EventStream(dispatcher, endpoint);
      streams.set(key, stream);
      stream.#open(key);
    }
    return stream;
  }

  usable(answer: Answer): void {
    if (this.#usable === undefined) this.#waiting.push(answer);
    else answer(this.#usable);
  }

  close(): void {
    this.#closed = true;
    this.#request?.destroy();
  }

  #open(url: string): void {
    if (this.#closed) return;
    this._socket = { close: () => this.close() };
    const again = (): void => {
      if (this.#usable !== true) this.#settle(false);
      else setTimeout(() => this.#open(url), this.#again).unref();
    };
    let answered = false;
    const request = http.get(url, { headers: { Accept: "text/event-stream" } }, (response) => {
      answered = true;
      if (response.statusCode !== 200) {
        response.resume();
        return this.#settle(false);
      }
      this.#settle(true);
      let text = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => {
        text += chunk;
        const events = text.split(/\r?\n\r?\n/);
        text = events.pop() ?? "";
        for (const event of events) this.#event(event);
      });
      response.on("error", () => {});
      response.once("close", again);
    });
    request.once("error", () => {
      if (!answered) again();
    });
    this.#request = request;
  }

  #event(event: string): void {
    const [, retry] = /^retry: *(\d+)$/m.exec(event) ?? [];
    if (retry !== undefined) this.#again = Math.min(1_000, Number(retry));
    const data = event
      .split(/\r?\n/)
      .filter((line) => line.startsWith("data:"))
      .map((line) => line.slice(5).trimStart())
      .join("\n");
    if (data !== "" && !this.#closed) this._receive(JSON.parse(data));
  }

  #settle(usable: boolean): void {
    this.#usable = usable;
    for (const answer of this.#waiting.splice(0)) answer(usable);
  }
}

/** Once in a process: Faye keeps its transports in a table of the module, the most wanted first. */
export function fayeWithAllTransports(): FayeModule {
  const table = Transport._transports;
  if (!table.some(([type]) => type === "eventsource")) {
    Transport.register("eventsource", EventStream);
    Transport.register("callback-polling", CallbackPolling);
    const polling = table.findIndex(([type]) => type === "long-polling");
    table.splice(polling, 0, ...table.splice(-2));
  }
  return Faye;
}
