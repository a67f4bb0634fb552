/** Everything that is a plain HTTP request: polls, JSON-P, event streams, preflights. */
import type { IncomingMessage, ServerResponse } from "node:http";
import { badRequest, messageTooLarge, timedOut } from "../bayeux/index.ts";
import type { TransportName } from "../bayeux/transport-name.ts";
import type { Log } from "../ports.ts";
import type { Gateway, Requester } from "../sessions/gateway.ts";
import type { Addresses } from "./addresses.ts";
import { Bodies } from "./body.ts";
import { isHandshake, mintCookie } from "./browser-cookie.ts";
import { isJson, unitOfBody, unitOfForm } from "./content.ts";
import { callbackOf, SCRIPT_HEADERS, wrapperFor } from "./jsonp.ts";
import { pathBelow, type TransportOptions } from "./options.ts";
import { isUnproven, type OriginPolicy, type Verdict } from "./origin.ts";
import { type Peer, type Peers, requesterOf } from "./peer.ts";
import { PollLink, type Wrap } from "./poll-link.ts";
import { baseHeaders, type Headers, JSON_TYPE, METHODS, preflight, refuse, writeText } from "./respond.ts";
import { Streams } from "./streams.ts";
import type { Sweep } from "./sweep.ts";

export interface HttpNeeds {
  readonly gateway: Gateway;
  readonly options: TransportOptions;
  readonly log: Log;
  readonly sweep: Sweep;
  readonly peers: Peers;
  readonly origins: OriginPolicy;
  readonly addresses: Addresses;
}

const TOO_MANY = "Too many connections from this address";

/** One request on its way to an answer. */
interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly peer: Peer;
  readonly verdict: Verdict;
  readonly headers: Headers;
}

export class HttpTransports {
  readonly #needs: HttpNeeds;
  readonly #bodies: Bodies;
  readonly #streams: Streams;
  readonly #unreadMs: number;
  #polls = 0;
  #closing = false;

  constructor(needs: HttpNeeds) {
    this.#needs = needs;
    this.#bodies = new Bodies(needs.options, needs.sweep);
    const { gateway, log, sweep, addresses, options } = needs;
    this.#unreadMs = options.unreadTimeout * 1000;
    const unreadMs = this.#unreadMs;
    this.#streams = new Streams({
      gateway,
      log,
      sweep,
      addresses,
      maxBuffered: options.maxBuffered,
      unreadMs,
    });
  }

  get polls(): number {
    return this.#polls;
  }

  get streams(): number {
    return this.#streams.size;
  }

  close(): void {
    this.#closing = true;
    this.#streams.close();
  }

  request(request: IncomingMessage, response: ServerResponse): void {
    const { peers, origins, options } = this.#needs;
    const url = request.url ?? "/";
    const path = pathBelow(options.mount, url);
    const peer = peers.of(request);
    const { method } = request;
    const judge = method === "GET" ? "judgeGet" : "judge";
    const verdict = origins[judge](request.headers, peer.origin);
    const headers = baseHeaders(request.headers.origin, verdict);
    if (path === undefined) {
      refuse(response, 404, "Not found", headers);
    } else if (method === "OPTIONS") {
      const known = request.headers.origin !== undefined && verdict !== "foreign";
      preflight(response, headers, known);
    } else if (method !== "POST" && method !== "GET") {
      refuse(response, 405, "Method not allowed", { ...headers, Allow: METHODS });
    } else if (verdict === "foreign") {
      refuse(response, 403, "Forbidden", headers);
    } else if (this.#closing) {
      refuse(response, 503, "Service unavailable", { ...headers, Connection: "close" });
    } else {
      const exchange: Exchange = { request, response, peer, verdict, headers };
      if (method === "POST") this.#post(exchange);
      else this.#get(exchange, path, url.slice(options.mount.length + path.length + 1));
    }
  }

  #post(exchange: Exchange): void {
    const { request, response, headers, verdict } = exchange;
    const { options } = this.#needs;
    const transport = isCrossOrigin(verdict) ? "cross-origin-long-polling" : "long-polling";
    // An event stream's page sends by POST too (BAYEUX 2.6).
    const alsoFor = transport === "long-polling" && options.transports.has("eventsource");
    if (!options.transports.has(transport) && !alsoFor) {
      refuse(response, 403, "This transport is not enabled", headers);
      return;
    }
    const encoding = request.headers["content-encoding"];
    if (encoding !== undefined && encoding !== "identity") {
      refuse(response, 415, "Content-Encoding is not supported", headers);
      return;
    }
    this.#bodies.read(request, {
      read: (body) => {
        const contentType = request.headers["content-type"];
        const unit = unitOfBody(body, contentType, options);
        // Any page can send a form or plain text; only the Origin proves that one did not (BAYEUX 2.7).
        const anonymous = verdict === "any" || (verdict === "absent" && !isJson(contentType));
        this.#answer(exchange, transport, unit, anonymous);
      },
      // The body is whole at once; the connection ends when the peer has stopped sending.
      failed: (reason) => {
        const [status, error] = reason === "too-large" ? [413, messageTooLarge()] : [408, timedOut()];
        const text = JSON.stringify([{ successful: false, error }]);
        response.writeHead(status as number, {
          ...headers,
          "Content-Type": JSON_TYPE,
          "Content-Length": Buffer.byteLength(text),
          Connection: "close",
        });
        response.write(text);
      },
      drained: () => response.end(),
    });
  }

  #get(exchange: Exchange, path: string, queryText: string): void {
    const query = new URLSearchParams(queryText);
    if (query.has("message")) this.#jsonp(exchange, query, queryText);
    else if (exchange.request.headers.accept?.includes("text/event-stream")) this.#stream(exchange, path);
    else refuse(exchange.response, 400, "Bad request", exchange.headers);
  }

  #jsonp(exchange: Exchange, query: URLSearchParams, queryText: string): void {
    const { request, response, headers, verdict } = exchange;
    const { options } = this.#needs;
    const callback = callbackOf(query);
    if (options.jsonp === "off" || !options.transports.has("callback-polling")) {
      refuse(response, 403, "This transport is not enabled", headers);
    } else if (callback === undefined) {
      refuse(response, 400, "Bad request", headers);
    } else {
      const unit = unitOfForm(queryText, options);
      if (options.jsonp === "handshake-only" && unit?.every(isHandshake) === false) {
        refuse(response, 403, "Callback-polling is for handshakes only", headers);
        return;
      }
      const anonymous = verdict === "any" || isUnproven(request.headers);
      this.#answer(exchange, "callback-polling", unit, anonymous, wrapperFor(callback));
    }
  }

  #stream(exchange: Exchange, path: string): void {
    const { request, response, headers, peer, verdict } = exchange;
    const { addresses, options } = this.#needs;
    const clientId = path.slice(path.lastIndexOf("/") + 1);
    if (!options.transports.has("eventsource") || clientId === "") {
      refuse(response, 404, "Not found", headers);
      return;
    }
    if (addresses.full(peer.remoteIP)) {
      refuse(response, 429, TOO_MANY, headers);
      return;
    }
    const requester = requesterOf(peer, request.headers, verdict === "any");
    void this.#streams.open(clientId, response, requester, headers);
  }

  #answer(
    exchange: Exchange,
    transport: TransportName,
    unit: readonly unknown[] | undefined,
    anonymous: boolean,
    wrap?: Wrap,
  ): void {
    const { request, response, peer, verdict } = exchange;
    const headers = wrap === undefined ? exchange.headers : { ...exchange.headers, ...SCRIPT_HEADERS };
    if (unit === undefined) {
      refuse(response, 400, badRequest(), exchange.headers);
      return;
    }
    if (this.#needs.addresses.full(peer.remoteIP)) {
      refuse(response, 429, TOO_MANY, exchange.headers);
      return;
    }
    if (unit.length === 0) {
      writeText(response, 200, wrap === undefined ? "[]" : wrap("[]"), {
        "Content-Type": JSON_TYPE,
        ...headers,
      });
      return;
    }
    let requester = requesterOf(peer, request.headers, anonymous);
    if (!anonymous) {
      const place = { mount: this.#needs.options.mount, crossOrigin: isCrossOrigin(verdict) };
      const minted = mintCookie(unit, requester, place);
      if (minted !== undefined) {
        requester = minted.requester;
        headers["Set-Cookie"] = minted.setCookie;
      }
    }
    this.#poll(response, transport, requester, headers, unit, wrap);
  }

  #poll(
    response: ServerResponse,
    transport: TransportName,
    requester: Requester,
    headers: Headers,
    unit: readonly unknown[],
    wrap: Wrap | undefined,
  ): void {
    const { gateway, log, addresses } = this.#needs;
    const { remoteIP } = requester;
    // The peer may have gone while its body was on the way; then "close" has been already.
    if (response.destroyed || response.closed) return;
    this.#polls++;
    addresses.add(remoteIP);
    const over = () => {
      this.#polls--;
      addresses.remove(remoteIP);
    };
    const unreadMs = this.#unreadMs;
    const link = new PollLink(response, { gateway, transport, requester, headers, over, wrap, unreadMs });
    try {
      gateway.receive(unit, link);
    } catch (error) {
      log.error({ err: error, transport }, "a unit could not be handled");
      link.close(1011, "");
    }
  }
}

function isCrossOrigin(verdict: Verdict): boolean {
  return verdict === "listed" || verdict === "any";
}
