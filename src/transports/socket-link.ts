import type { Duplex } from "node:stream";
import { WebSocket } from "ws";
import { badRequest, parseUnit, type UnitLimits } from "../bayeux/index.ts";
import type { Log } from "../ports.ts";
import type { Gateway, Link, Requester } from "../sessions/gateway.ts";
import { textFrame } from "./frame.ts";
import type { Sweep } from "./sweep.ts";

/** What all sockets share. */
export interface SocketNeeds {
  readonly gateway: Gateway;
  readonly log: Log;
  readonly sweep: Sweep;
  readonly limits: UnitLimits;
  readonly maxBuffered: number;
  readonly pingMs: number;
  readonly idleMs: number;
}

const ERROR_FRAME = JSON.stringify([{ successful: false, error: badRequest() }]);
const MAX_STRIKES = 5;
const POLICY_VIOLATION = 1008;
/** A peer that asks and asks but never reads is cut off at so many times `maxBuffered`. */
const OVERFLOW = 8;
const MAX_REASON_BYTES = 123;

/** One WebSocket. A class and not closures: there are many of them and most of them are idle. */
export class SocketLink implements Link {
  readonly transport = "websocket";
  readonly once = false;
  bound?: unknown;
  readonly requester: Requester;
  readonly #socket: WebSocket;
  /** Of the TCP or TLS connection below. */
  readonly #stream: Duplex;
  readonly #needs: SocketNeeds;
  /** No extension was negotiated. */
  readonly #plain: boolean;
  readonly #since: number;
  /** When the peer last gave a sign of life, or the ping that waits for one. */
  #heard: number;
  #pinged = false;
  #spoke = false;
  #blocked = false;
  #strikes = 0;

  constructor(socket: WebSocket, stream: Duplex, requester: Requester, needs: SocketNeeds) {
    this.#socket = socket;
    this.#stream = stream;
    this.#plain = socket.extensions === "";
    this.requester = requester;
    this.#needs = needs;
    this.#since = needs.sweep.now;
    this.#heard = this.#since;
  }

  get writable(): boolean {
    // What is written after a close began reaches nobody: it waits for the next socket.
    return !this.#blocked && this.#socket.readyState === WebSocket.OPEN;
  }

  send(text: string, done?: (handed: boolean) => void): void {
    const socket = this.#socket;
    if (socket.readyState !== WebSocket.OPEN) {
      done?.(false);
      return;
    }
    // Compressed frames differ from socket to socket, so `ws` builds those. Plain ones are the same for all, and
    // `ws` keeps nothing back when it does not compress: written here, they stand in order with its own.
    if (this.#plain) this.#stream.write(textFrame(text), done && ((error) => done(!error)));
    else socket.send(text, done && ((error) => done(!error)));
    const { maxBuffered } = this.#needs;
    const waiting = this.#plain ? this.#stream.writableLength : socket.bufferedAmount;
    if (waiting <= maxBuffered) return;
    // One large text is the gateway's decision; piling more upon it is the peer's doing.
    if (this.#blocked && waiting > OVERFLOW * maxBuffered) socket.terminate();
    this.#blocked = true;
  }

  close(code: number, reason: string): void {
    this.#socket.close(code, Buffer.from(reason).subarray(0, MAX_REASON_BYTES).toString());
  }

  /** A frame. Text in a binary one is taken too, for simple tools (case 142). */
  received(data: Buffer): void {
    if (this.#socket.readyState !== WebSocket.OPEN) return;
    this.#spoke = true;
    this.#lives();
    const { gateway, limits, log } = this.#needs;
    const text = data.toString();
    const parsed = parseUnit(text, limits);
    // A lone null is a mistake here (case 24).
    if (!parsed.ok || (data.length < 16 && text.trim() === "null")) {
      this.#strike();
    } else if (parsed.unit.length === 0) {
      // The keep-alive of Faye before 1.3, which expects something back (case 21).
      gateway.alive(this);
      this.send("[]");
    } else {
      try {
        gateway.receive(parsed.unit, this);
      } catch (error) {
        log.error({ err: error, transport: this.transport }, "a unit could not be handled");
      }
    }
  }

  /** A ping or pong came. */
  pulsed(): void {
    this.#lives();
    this.#needs.gateway.alive(this);
  }

  /** The stream below has written everything out. */
  drained(): void {
    if (!this.#blocked || this.#socket.bufferedAmount > this.#needs.maxBuffered) return;
    this.#blocked = false;
    this.#needs.gateway.drained(this);
  }

  /** Once a second or so. */
  inspect(now: number): void {
    const { pingMs, idleMs } = this.#needs;
    // What waits to be compressed is written without a "drain" in the end.
    this.drained();
    if (!this.#spoke && now - this.#since >= idleMs) {
      this.close(1000, "idle");
      return;
    }
    if (now - this.#heard < pingMs) return;
    if (this.#pinged) {
      // Not close(): nobody is there to answer it (BAYEUX 3.6).
      this.#socket.terminate();
      return;
    }
    this.#pinged = true;
    this.#heard = now;
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.ping();
  }

  terminate(): void {
    this.#socket.terminate();
  }

  get stream(): Duplex {
    return this.#stream;
  }

  #lives(): void {
    this.#heard = this.#needs.sweep.now;
    this.#pinged = false;
  }

  /** Told and forgiven a few times: a client repeats what it got no answer to (case 29, rule 19). */
  #strike(): void {
    this.send(ERROR_FRAME);
    if (++this.#strikes >= MAX_STRIKES) this.close(POLICY_VIOLATION, "malformed frames");
  }
}
