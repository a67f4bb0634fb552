import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { type WebSocket, WebSocketServer } from "ws";
import type { Clock, Log, Timer } from "../ports.ts";
import type { Gateway } from "../sessions/gateway.ts";
import type { Addresses } from "./addresses.ts";
import { pathBelow, type TransportOptions } from "./options.ts";
import type { OriginPolicy } from "./origin.ts";
import { type Peers, requesterOf } from "./peer.ts";
import { SocketLink, type SocketNeeds } from "./socket-link.ts";
import type { Sweep } from "./sweep.ts";

export interface SocketsNeeds {
  readonly gateway: Gateway;
  readonly options: TransportOptions;
  readonly log: Log;
  readonly clock: Clock;
  readonly sweep: Sweep;
  readonly peers: Peers;
  readonly origins: OriginPolicy;
  readonly addresses: Addresses;
}

const SUBPROTOCOL = "bayeux";
const GOING_AWAY = 1001;
/** Milliseconds that peers have to answer our close before the connection is cut. */
const CLOSE_PATIENCE_MS = 2000;

// One listener of each kind for all sockets, which find their link here, instead of a closure each.
const LINK = Symbol("link");

interface Linked {
  [LINK]?: SocketLink;
}

/** All open WebSockets (BAYEUX 2.2). */
export class Sockets {
  readonly #needs: SocketsNeeds;
  readonly #shared: SocketNeeds;
  readonly #server: WebSocketServer;
  readonly #links = new Set<SocketLink>();
  #closing = false;
  #cutOff: Timer | undefined;

  constructor(needs: SocketsNeeds) {
    const { options, gateway, log, sweep } = needs;
    this.#needs = needs;
    this.#shared = {
      gateway,
      log,
      sweep,
      limits: options,
      maxBuffered: options.maxBuffered,
      pingMs: options.ping > 0 ? options.ping * 1000 : Number.POSITIVE_INFINITY,
      idleMs: options.idle * 1000,
    };
    this.#server = new WebSocketServer({
      noServer: true,
      clientTracking: false,
      maxPayload: options.frameBytes,
      perMessageDeflate: options.perMessageDeflate,
      // A client that offered only others goes on without one, as Faye's do (case 139).
      handleProtocols: (offered) => (offered.has(SUBPROTOCOL) ? SUBPROTOCOL : false),
    });
    sweep.add((now) => this.#inspect(now));
  }

  get size(): number {
    return this.#links.size;
  }

  upgrade(request: IncomingMessage, stream: Duplex, head: Buffer): void {
    const { peers, origins, addresses, options } = this.#needs;
    // Until `ws` takes over, a broken connection is nobody's but ours.
    stream.on("error", destroy);
    const peer = peers.of(request);
    const verdict = origins.judge(request.headers, peer.origin);
    if (pathBelow(options.mount, request.url ?? "/") === undefined || !options.transports.has("websocket")) {
      refuseUpgrade(stream, "404 Not Found");
    } else if (verdict === "foreign") {
      refuseUpgrade(stream, "403 Forbidden");
    } else if (this.#closing || this.#isFull()) {
      refuseUpgrade(stream, "503 Service Unavailable");
    } else if (addresses.full(peer.remoteIP)) {
      refuseUpgrade(stream, "429 Too Many Requests");
    } else {
      const requester = requesterOf(peer, request.headers, verdict === "any");
      this.#server.handleUpgrade(request, stream, head, (socket) => {
        stream.off("error", destroy);
        // Before the link looks at its time.
        this.#needs.sweep.wake();
        this.#add(socket, new SocketLink(socket, stream, requester, this.#shared));
      });
    }
  }

  /** Tells everybody that this node goes; who does not answer is cut off. */
  close(): void {
    if (this.#closing) return;
    this.#closing = true;
    for (const link of this.#links) link.close(GOING_AWAY, "server shutting down");
    if (this.#links.size === 0) return;
    this.#cutOff = this.#needs.clock.after(CLOSE_PATIENCE_MS, () => {
      for (const link of this.#links) link.terminate();
    });
  }

  #add(socket: WebSocket, link: SocketLink): void {
    this.#links.add(link);
    this.#needs.addresses.add(link.requester.remoteIP);
    (socket as Linked)[LINK] = link;
    (link.stream as Linked)[LINK] = link;
    socket.on("message", onMessage);
    socket.on("ping", onPulse);
    socket.on("pong", onPulse);
    socket.on("error", ignore);
    socket.on("close", () => this.#remove(link));
    link.stream.on("drain", onDrain);
  }

  #remove(link: SocketLink): void {
    if (!this.#links.delete(link)) return;
    this.#needs.addresses.remove(link.requester.remoteIP);
    if (this.#links.size === 0) this.#cutOff?.cancel();
    this.#needs.gateway.closed(link);
  }

  #inspect(now: number): boolean {
    for (const link of this.#links) link.inspect(now);
    return this.#links.size > 0;
  }

  #isFull(): boolean {
    const { maxSockets } = this.#needs.options;
    return maxSockets > 0 && this.#links.size >= maxSockets;
  }
}

function onMessage(this: WebSocket, data: unknown): void {
  // `binaryType` is left at "nodebuffer".
  (this as Linked)[LINK]?.received(data as Buffer);
}

function onPulse(this: WebSocket): void {
  (this as Linked)[LINK]?.pulsed();
}

function onDrain(this: Duplex): void {
  (this as Linked)[LINK]?.drained();
}

/** `ws` closes with the fitting code (1007, 1009) by itself, and "close" follows. */
function ignore(): void {}

function destroy(this: Duplex): void {
  this.destroy();
}

function refuseUpgrade(stream: Duplex, status: string): void {
  const response = `HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`;
  // The server leaves such sockets half open; a peer that never closes its half must not keep one.
  stream.end(response, () => stream.destroy());
}
