import type { Clock } from "./clock.ts";
import { bayeuxCode, type ClientError, clientError, errorOfAck } from "./errors.ts";
import { type FayeClient, type FayeModule, type FayeSocket, internals } from "./faye.ts";
import { Liveness } from "./liveness.ts";
import type { Positions } from "./positions.ts";
import { silence } from "./silence.ts";
import { handshakeOver, watchSockets } from "./transports.ts";
import {
  type Advice,
  actionwireExt,
  type BayeuxMessage,
  type DeliveryExt,
  isLarger,
  isStopping,
  type Limits,
  type Resume,
} from "./wire.ts";

const HANDSHAKE = "/meta/handshake";
const CONNECT = "/meta/connect";
const SUBSCRIBE = "/meta/subscribe";
const DISCONNECT = "/meta/disconnect";
const SHARED = "/actionwire";
const LINE = "/client/websocket/connection/";
const GOODBYE_WAIT = 2_000;
/** ms for which a handshake that nobody waits for any more may still bring a session, which is ended then. */
const LATE_HANDSHAKE = 10_000;

export interface LineOptions {
  readonly faye: FayeModule;
  readonly url: string;
  readonly fayeOptions: object;
  readonly transports: readonly string[] | undefined;
  readonly token: unknown;
  readonly resumeToken: string | undefined;
  /** Rises with each line, so that the server can tell a handshake that comes late. */
  readonly attempt: number;
  readonly positions: Positions;
  readonly clock: Clock;
}

export interface Loss {
  readonly reason: string;
  /** ms the server asked to wait before coming back; 0 when it did not. */
  readonly interval: number;
  /** It was open, and brought no answers. */
  readonly mute?: boolean;
  /** The server asked for another one: what carried it is as good as before. */
  readonly asked?: boolean;
}

export interface LineListener {
  /** The session is there. Called before anything else is sent on it. */
  handshaken(connectionId: string, resume: Resume): void;
  subscribed(): void;
  delivery(data: unknown, ext: DeliveryExt): void;
  /** The link is broken. The line is silent from here on. */
  lost(loss: Loss): void;
  /** The server does not want us back. The line is silent from here on. */
  refused(error: ClientError): void;
}

type Acknowledged = (reply: BayeuxMessage) => void;

/** One session over one Faye client object. It is opened once, and once it is lost it is thrown away. */
export class Line {
  private readonly options: LineOptions;
  private readonly listener: LineListener;
  private readonly client: FayeClient;
  private readonly liveness: Liveness;
  private readonly sockets = new Set<FayeSocket>();
  private latest: FayeSocket | undefined;
  /** What Faye's `publish` cannot be told: the `ext` of a message, and who wants to see its acknowledgement. */
  private readonly outgoing = new WeakMap<object, { ext: object | undefined; done: Acknowledged }>();
  private readonly unacknowledged = new Map<string, Acknowledged>();
  private readonly probes = new Set<string>();
  private channel = "";
  private probing = false;
  private ready = false;
  private interval = 0;
  /** Bytes of the largest message that the server takes. */
  private largest = Number.POSITIVE_INFINITY;
  private over = false;
  private lastTransport: string | null = null;
  private clientId: string | undefined;
  private leaving: (() => void) | undefined;

  constructor(options: LineOptions, listener: LineListener) {
    this.options = options;
    this.listener = listener;
    this.client = new options.faye.Client(options.url, { ...options.fayeOptions });
    this.liveness = new Liveness(options.clock, {
      ask: () => this.ask(),
      dead: (why) => this.lose(why, !this.ready),
    });
  }

  open(): void {
    const { client } = this;
    // Faye would disconnect for good at `beforeunload`, which also comes before a navigation that is then cancelled.
    client.disable("autodisconnect");
    client.addExtension({
      incoming: (message, next) => next(this.over ? null : this.incoming(message)),
      outgoing: (message, next) => next(this.over ? null : this.sending(message)),
    });
    client.on("transport:down", () => this.lose(`${this.transport} failed`));
    watchSockets(client, (socket) => this.watch(socket));
    try {
      handshakeOver(
        client,
        this.options.transports,
        () => {
          if (!this.over) client.subscribe(this.channel, () => {});
        },
        () => this.lose("no transport could be opened"),
      );
    } catch (cause) {
      this.refuse(clientError("no_transport", cause instanceof Error ? cause.message : undefined));
    }
  }

  get transport(): string | null {
    return this.over ? this.lastTransport : (internals(this.client)._dispatcher?.connectionType ?? null);
  }

  publish(data: object, ext: object | undefined, done: Acknowledged): void {
    this.outgoing.set(data, { ext, done });
    this.client.publish(this.channel, data);
  }

  /** Is the line still there? Found out within seconds. */
  probe(): void {
    if (!this.over) this.liveness.doubt();
  }

  /** Ends the session on the server too; waits for its answer, but not long. */
  close(): Promise<void> {
    const { clock } = this.options;
    const shaking = !this.over && this.clientId === undefined;
    return new Promise((resolve) => {
      const patience = clock.setTimeout(resolve, GOODBYE_WAIT);
      const end = clock.setTimeout(() => this.leaving?.(), shaking ? LATE_HANDSHAKE : GOODBYE_WAIT);
      this.leaving = () => {
        clock.clearTimeout(patience);
        clock.clearTimeout(end);
        this.leaving = undefined;
        this.abandon();
        resolve();
      };
      if (shaking) return;
      if (this.ready && !this.over) this.client.disconnect();
      else this.takeLeave();
    });
  }

  /** Without Faye, which is not in a state to. */
  private takeLeave(): void {
    const left = () => this.leaving?.();
    this.closeAtOnce()?.then(left, left);
  }

  /**
   * The page goes away now: there is no time for an answer, hardly for a question. What is returned resolves when there was one
   * after all; on a socket it is seen as every answer is.
   */
  closeAtOnce(): Promise<unknown> | undefined {
    const { clientId } = this;
    if (clientId === undefined) return Promise.resolve();
    const text = JSON.stringify([{ channel: DISCONNECT, clientId, id: "bye" }]);
    const transport = internals(this.client)._dispatcher?._transport;
    // An event stream is kept under the same name.
    const socket = transport?.connectionType === "websocket" ? transport._socket : undefined;
    if (!this.over && socket?.readyState === 1) {
      socket.send(text);
      return undefined;
    }
    if (typeof fetch !== "function") return Promise.resolve();
    const headers = { "Content-Type": "application/json" };
    return fetch(this.options.url, { method: "POST", headers, body: text, keepalive: true }).catch(() => {});
  }

  /** Silence, without a word to anybody. */
  abandon(): void {
    if (this.over) return;
    this.lastTransport = this.transport;
    this.over = true;
    this.liveness.stop();
    this.unacknowledged.clear();
    silence(this.client, this.sockets);
  }

  private lose(reason: string, mute = false, asked = false): void {
    if (!this.fallSilent()) return;
    this.listener.lost({ reason, interval: this.interval, mute, asked });
  }

  private refuse(error: ClientError): void {
    if (this.fallSilent()) this.listener.refused(error);
  }

  /** False when nobody wants to know, because it was over or we are leaving anyway. */
  private fallSilent(): boolean {
    if (this.over) return false;
    const { leaving } = this;
    this.abandon();
    leaving?.();
    return leaving === undefined;
  }

  /** Faye notices a lost socket only when something was pending on it, and tells us late. */
  private watch(socket: FayeSocket): void {
    this.sockets.add(socket);
    this.latest = socket;
    const gone = () => {
      this.sockets.delete(socket);
      // Faye may know of it already, and have let go of it. One that nothing goes over is opened beside a handshake.
      const used = internals(this.client)._dispatcher?._transport?.connectionType === "websocket";
      if (used && this.latest === socket) this.lose("the socket was closed");
    };
    socket.addEventListener?.("close", gone);
    socket.addEventListener?.("error", gone);
  }

  /** Subscribing to what is subscribed already does nothing but be answered. */
  private ask(): void {
    if (this.over || this.probing || !this.ready) return;
    this.probing = true;
    this.send({ channel: SUBSCRIBE, subscription: this.channel });
  }

  /** A message of our own, beside what Faye sends. */
  private send(fields: Record<string, unknown>): void {
    const inside = internals(this.client);
    const { clientId } = inside._dispatcher ?? {};
    inside._sendMessage?.({ ...fields, clientId }, {}, () => {}, this.client);
  }

  /** Null: it does not leave. */
  private sending(message: BayeuxMessage): BayeuxMessage | null {
    const id = message.id ?? "";
    const { options } = this;
    switch (message.channel) {
      case HANDSHAKE: {
        const resume = options.resumeToken
          ? {
              token: options.resumeToken,
              positions: options.positions.toJSON(),
              attempt: options.attempt,
            }
          : undefined;
        const own = resume ? { client: 1, resume } : { client: 1 };
        const token = options.token === undefined ? {} : { token: options.token };
        message.ext = { ...message.ext, ...token, actionwire: own };
        break;
      }
      case CONNECT:
        message.ext = { ...message.ext, actionwire: { positions: options.positions.toJSON() } };
        this.liveness.sent(id, "connect");
        return message;
      case SUBSCRIBE:
        if (this.probing) {
          this.probes.add(id);
          this.liveness.sent(id, "probe");
          return message;
        }
        break;
      case DISCONNECT:
        break;
      default: {
        const data = message.data;
        const sent = typeof data === "object" && data !== null ? this.outgoing.get(data) : undefined;
        if (sent) {
          if (sent.ext) message.ext = { ...message.ext, actionwire: sent.ext };
          this.unacknowledged.set(id, sent.done);
          if (isLarger(message, this.largest)) {
            // It would cost the line, and say nothing of why; the caller is not answered while he asks.
            Promise.resolve().then(() => this.tooLarge(message));
            return null;
          }
        }
      }
    }
    this.liveness.sent(id, "request");
    return message;
  }

  /** Null: neither Faye nor the application is to see it. */
  private incoming(message: BayeuxMessage): BayeuxMessage | null {
    this.liveness.heard();
    if (message.successful === undefined) return this.delivered(message);
    this.liveness.answered(message.id ?? "");
    if (message.advice) {
      this.interval = message.advice.interval ?? 0;
      this.liveness.advised(message.advice);
    }
    switch (message.channel) {
      case HANDSHAKE:
        return this.shaken(message);
      case CONNECT:
        return this.connected(message);
      case SUBSCRIBE:
        return this.subscribed(message);
      case DISCONNECT:
        this.leaving?.();
        return null;
      default:
        return this.acknowledged(message);
    }
  }

  /** A refused handshake is never shown to Faye, which would try again every 5 s for ever. */
  private shaken(message: BayeuxMessage): BayeuxMessage | null {
    if (!message.successful) return this.turnedAway(message, "the handshake failed");
    const ext = actionwireExt(message);
    const id = ext.connectionId;
    if (typeof id !== "string") {
      this.refuse(clientError("not_actionwire"));
      return null;
    }
    this.channel = LINE + id;
    this.clientId = message.clientId;
    const { message: largest } = (ext.limits ?? {}) as Limits;
    if (typeof largest === "number") this.largest = largest;
    // It was waited for only to be ended.
    if (this.leaving) this.takeLeave();
    else this.listener.handshaken(id, (ext.resume ?? {}) as Resume);
    return this.over || this.leaving ? null : message;
  }

  private connected(message: BayeuxMessage): BayeuxMessage | null {
    const reconnect = message.advice?.reconnect;
    // `retry` on failure: the server cannot look the session up now, ask again. Faye does that.
    if (reconnect === "none" || (!message.successful && reconnect !== "retry")) {
      return this.turnedAway(message, "the session has ended");
    }
    return message;
  }

  private subscribed(message: BayeuxMessage): BayeuxMessage | null {
    if (this.probes.delete(message.id ?? "")) {
      this.probing = false;
      if (message.successful) return null;
    }
    if (!message.successful) return this.turnedAway(message, "the line was refused");
    if (message.subscription === this.channel) {
      this.ready = true;
      this.listener.subscribed();
    }
    return this.over ? null : message;
  }

  private acknowledged(message: BayeuxMessage): BayeuxMessage | null {
    const done = this.unacknowledged.get(message.id ?? "");
    this.unacknowledged.delete(message.id ?? "");
    done?.(message);
    if (message.successful) return this.over ? null : message;
    if (isStopping(message)) return this.turnedAway(message, "the server is going down");
    if (bayeuxCode(message.error) === 401) return this.turnedAway(message, "the session has gone");
    return this.over ? null : message;
  }

  private tooLarge({ id, channel }: BayeuxMessage): void {
    const error = `413::it is larger than the ${this.largest} bytes that the server takes`;
    if (!this.over)
      this.acknowledged({ ...(id === undefined ? {} : { id }), channel, successful: false, error });
  }

  private turnedAway(message: BayeuxMessage, reason: string): null {
    const advice: Advice = message.advice ?? {};
    // Never the error as it came: it may name the clientId, which is a secret, and reasons end in logs.
    const error = errorOfAck(message.error);
    const why = message.error ? `${reason}: ${error.message}` : reason;
    if (advice.reconnect !== "none") this.lose(why, false, true);
    else if (message.channel === HANDSHAKE) this.refuse(error);
    else if (bayeuxCode(message.error) === 401) this.refuse(clientError("superseded", error.message));
    else this.refuse(message.error ? error : clientError("disconnected", "ended by the server"));
    return null;
  }

  /** Our line comes on a channel that is the same for all clients, so that the server encodes each message once. */
  private delivered(message: BayeuxMessage): BayeuxMessage | null {
    const ext = actionwireExt(message) as DeliveryExt;
    if (ext.present) {
      // Faye's next connect may be long in coming.
      this.send({ channel: CONNECT, connectionType: this.transport });
      return null;
    }
    if (ext.topic !== undefined && ext.position !== undefined) {
      if (!this.options.positions.accept(ext.topic, ext.position)) return null;
    }
    if (message.channel === SHARED) message.channel = this.channel;
    if (message.channel === this.channel) this.listener.delivery(message.data, ext);
    return this.over ? null : message;
  }
}
