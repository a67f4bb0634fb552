import { Alarm } from "./clock.ts";
import { type ClientError, clientError } from "./errors.ts";
import type { Disconnected, Reconnected } from "./events.ts";
import { Line, type Loss } from "./line.ts";
import type { Settings } from "./options.ts";
import { watchPage } from "./page.ts";
import { advisedDelay, retryDelay, TransportPolicy } from "./policy.ts";
import { Positions } from "./positions.ts";
import type { Kind, Sendable, Settle } from "./request.ts";
import { type After, Requests } from "./requests.ts";
import { Rooms } from "./rooms.ts";
import type { DeliveryExt, Joined, Message, Resume } from "./wire.ts";

export type State = "disconnected" | "connecting" | "connected" | "reconnecting";

export interface SessionListener {
  connect(details: Message): void;
  disconnect(info: Disconnected): void;
  reconnect(info: Reconnected): void;
  /** Anything from the server that is not an answer. */
  message(message: Message): void;
}

/** An interruption shorter than this is nobody's business. */
const BLIP = 1_000;
/** From the start of an attempt until the connection can be used. */
const OPENING = 20_000;
/** An answer (not only the acknowledgement) to anything but an action. */
const ANSWER = 20_000;
/** A connection that lasted as long was a good one: the next loss is a first loss again. */
const STEADY = 5_000;
const REST = 50;

type AlarmName = "retry" | "opening" | "blip" | "connect" | "rest" | "answer";

interface Outcome {
  readonly promise: Promise<Message>;
  resolve(details: Message): void;
  reject(error: ClientError): void;
}

/** How far the present line is: it may be spoken on only from `entering` on, and by the application only when `usable`. */
type Phase = "opening" | "entering" | "usable";

/** Keeps one connection alive over any number of lines. */
export class Session {
  state: State = "disconnected";
  id: string | null = null;
  readonly rooms = new Rooms();

  private readonly settings: Settings;
  private readonly listener: SessionListener;
  private readonly requests: Requests;
  private readonly positions = new Positions();
  private readonly transports: TransportPolicy;
  private readonly alarms: Readonly<Record<AlarmName, Alarm>>;
  private line: Line | null = null;
  private phase: Phase = "opening";
  /** Which attempt is the present one: what an older one still has to say is not heard. */
  private attempts = 0;
  private failures = 0;
  private rests = 0;
  private openedAt = 0;
  private resumeToken: string | undefined;
  private awaitingWelcome = false;
  private outcome: Outcome | undefined;
  private goodbye: string | undefined;
  /** `disconnect` was fired for the present interruption. */
  private told = false;
  private before: { readonly reason: string; readonly transport: string | null } = {
    reason: "",
    transport: null,
  };
  private forgetPage: () => void = () => {};

  constructor(settings: Settings, listener: SessionListener) {
    const { clock } = settings;
    this.settings = settings;
    this.listener = listener;
    const prefix = `${Math.floor(clock.random() * 2 ** 40).toString(36)}-`;
    this.requests = new Requests(settings.offlineQueue, prefix);
    this.transports = new TransportPolicy(settings.transports, clock);
    const alarm = () => new Alarm(clock);
    this.alarms = {
      retry: alarm(),
      opening: alarm(),
      blip: alarm(),
      connect: alarm(),
      rest: alarm(),
      answer: alarm(),
    };
  }

  get transport(): string | null {
    return this.line?.transport ?? null;
  }

  /** Asking again, while connecting or later, gives the same outcome. */
  connect(): Promise<Message> {
    if (this.outcome) return this.outcome.promise;
    const outcome = newOutcome();
    this.outcome = outcome;
    this.state = "connecting";
    this.failures = 0;
    this.told = false;
    this.goodbye = undefined;
    this.before = { reason: "", transport: null };
    this.forgetPage = watchPage({ wake: () => this.wake(), leave: () => this.line?.closeAtOnce() });
    this.alarms.connect.set(this.settings.connectTimeout, () =>
      this.end(clientError("connect_timeout", this.before.reason)),
    );
    this.attempt();
    return outcome.promise;
  }

  async disconnect(): Promise<void> {
    const { line } = this;
    if (this.state === "disconnected") return;
    this.line = null;
    this.end(clientError("disconnected", "disconnect() was called"), true);
    await line?.close();
  }

  ask(kind: Kind, data: Readonly<Record<string, unknown>>, settle: Settle): void {
    if (this.state === "disconnected") {
      settle(clientError("disconnected"), undefined);
      return;
    }
    this.requests.add(kind, data, this.state !== "connected", settle);
    this.pump();
  }

  /** The page is shown again, or the network is back. */
  private wake(): void {
    if (this.line) this.line.probe();
    else if (this.alarms.retry.pending) this.attempt();
  }

  private async attempt(): Promise<void> {
    this.attempts += 1;
    const mine = this.attempts;
    const { alarms, settings } = this;
    alarms.retry.stop();
    alarms.opening.set(OPENING, () => this.abandon("opening took too long"));
    this.phase = "opening";
    let { token } = settings;
    try {
      if (typeof token === "function") token = await token();
    } catch (error) {
      if (mine === this.attempts) this.lost({ reason: `no token: ${String(error)}`, interval: 0 });
      return;
    }
    if (mine !== this.attempts) return;
    this.openedAt = settings.clock.now();
    const present =
      <A extends unknown[]>(run: (...values: A) => void) =>
      (...values: A) => {
        if (mine === this.attempts) run(...values);
      };
    try {
      this.line = new Line(
        {
          faye: settings.faye,
          url: settings.url,
          fayeOptions: settings.fayeOptions,
          transports: this.transports.eligible(),
          token,
          resumeToken: this.resumeToken,
          positions: this.positions,
          clock: settings.clock,
        },
        {
          handshaken: present((id: string, resume: Resume) => this.handshaken(id, resume)),
          subscribed: present(() => this.subscribed()),
          delivery: present((data: unknown, ext: DeliveryExt) => this.delivery(data, ext)),
          lost: present((loss: Loss) => this.lost(loss)),
          refused: present((error: ClientError) => this.end(error)),
        },
      );
      this.line.open();
    } catch (error) {
      // Options that Faye does not know, or an address that is none: trying again would not help.
      this.end(clientError("refused", error instanceof Error ? error.message : String(error)));
    }
  }

  private handshaken(id: string, resume: Resume): void {
    this.resumeToken = resume.token;
    this.awaitingWelcome = !resume.resumed;
    if (resume.resumed) {
      this.rooms.resumed(resume);
      this.requests.resumed(resume);
    } else {
      if (this.state === "reconnecting") this.rooms.remember();
      this.positions.clear();
      this.requests.rebuilt();
    }
    this.id = id;
  }

  /** A connection that was resumed is welcomed no second time. */
  private subscribed(): void {
    if (!this.awaitingWelcome) this.enter();
  }

  private delivery(data: unknown, ext: DeliveryExt): void {
    if (typeof data !== "object" || data === null) return;
    const message = data as Message;
    if (message.context === "response") this.response(message, ext);
    else this.event(message, ext);
  }

  private event(message: Message, ext: DeliveryExt): void {
    if (message.context === "api" && message.status === "Bye!") {
      this.goodbye = typeof message.reason === "string" ? message.reason : undefined;
      this.requests.goodbye(message);
    }
    if (ext.joined) this.speakIn(ext.joined);
    this.listener.message(message);
    if (this.awaitingWelcome && "welcome" in message) {
      this.awaitingWelcome = false;
      this.enter();
    }
  }

  private response(message: Message, ext: DeliveryExt): void {
    const request = this.requests.pending(message.messageId);
    // An answer that had come before: what it says about rooms is no news, and may no longer be true.
    if (!request) return;
    const { event, room } = request.data;
    if (ext.left !== undefined) this.positions.leave(ext.left);
    if (ext.joined && event !== "listenToRoom") this.speakIn(ext.joined);
    else if (ext.joined) this.positions.join(ext.joined.topic, ext.joined.position);
    if (message.status === "OK" && typeof room === "string") {
      if (event === "listenToRoom") this.rooms.listening.add(room);
      if (event === "silenceRoom") this.rooms.listening.delete(room);
    }
    this.rests = 0;
    this.alarms.answer.stop();
    const after = this.requests.answered(message, this.rooms.room);
    this.after({ ...after, resync: after.resync === true && !ext.joined });
  }

  private speakIn(joined: Joined): void {
    this.positions.join(joined.topic, joined.position);
    this.rooms.room = joined.room;
    this.requests.entered(joined.room, joined.last ?? 0, joined.position);
  }

  /** The connection is there: fetch what the application wants to know, be again where it was. */
  private enter(): void {
    this.phase = "entering";
    const todo: { kind: Kind; data: Record<string, unknown> }[] = [];
    const { room, listening } = this.rooms.missing();
    if (room !== null) todo.push({ kind: "verb", data: { event: "roomChange", room } });
    for (const name of listening) todo.push({ kind: "verb", data: { event: "listenToRoom", room: name } });
    if (this.state === "connecting") todo.push({ kind: "read", data: { event: "detailsView" } });
    let left = todo.length;
    if (left === 0) this.ready(undefined);
    for (const { kind, data } of todo) {
      this.requests.addOwn(kind, data, (error, reply) => {
        // Refused for good is an answer; "not now" is none, and the whole is tried again.
        const notNow = error?.code === "unavailable" || error?.code === "outcome_unknown";
        if (this.state === "disconnected") return;
        if (notNow || (error && kind === "read")) return this.abandon(error?.message ?? "");
        left -= 1;
        if (left === 0) this.ready(reply);
      });
    }
    this.pump();
  }

  private ready(details: Message | undefined): void {
    const { alarms } = this;
    alarms.opening.stop();
    alarms.connect.stop();
    alarms.blip.stop();
    this.phase = "usable";
    this.openedAt = this.settings.clock.now();
    const first = this.state === "connecting";
    this.state = "connected";
    if (first && details) {
      this.listener.connect(details);
      this.outcome?.resolve(details);
    } else {
      this.back();
    }
    this.pump();
  }

  private back(): void {
    const rebuilt = this.rooms.rebuilding;
    // Another id is news even when the interruption was too short to be told.
    if (rebuilt) this.tell(true);
    for (const room of this.rooms.rebuilt()) {
      this.listener.message({ context: "api", gap: { room, missed: null } });
    }
    if (!this.told) return;
    this.told = false;
    this.listener.reconnect({
      id: this.id ?? "",
      resumed: !rebuilt,
      transport: this.transport,
      previousTransport: this.before.transport,
      reason: this.before.reason,
    });
  }

  private tell(reconnecting: boolean): void {
    if (this.told) return;
    this.told = true;
    this.listener.disconnect({ reason: this.goodbye ?? this.before.reason, reconnecting });
  }

  private abandon(reason: string): void {
    this.line?.abandon();
    this.lost({ reason, interval: 0 });
  }

  private lost(loss: Loss): void {
    const { alarms } = this;
    const { clock } = this.settings;
    const life = clock.now() - this.openedAt;
    const transport = this.transport;
    if (this.line) this.transports.ended(transport, life);
    this.stop();
    this.requests.lost();
    if (this.phase === "usable" && life >= STEADY) this.failures = 0;
    let delay = retryDelay(this.failures, clock.random);
    if (loss.interval > 0) {
      // A node that drains spreads its clients; one that refuses asks for time.
      const spread = clock.random() * Math.min(loss.interval, 5_000);
      delay = Math.max(delay, this.phase === "usable" ? spread : advisedDelay(loss.interval, clock.random));
    }
    this.phase = "opening";
    this.failures += 1;
    if (this.state === "connected") {
      this.state = "reconnecting";
      this.before = { reason: loss.reason, transport };
      alarms.blip.set(BLIP, () => this.tell(true));
    } else if (this.state === "connecting") {
      this.before = { reason: loss.reason, transport };
    }
    alarms.retry.set(delay, () => this.attempt());
  }

  /** No way back: asked for, or the server's word. */
  private end(error: ClientError, asked = false): void {
    if (this.state === "disconnected") return;
    const { outcome, state } = this;
    this.line?.abandon();
    this.stop();
    for (const name of Object.keys(this.alarms)) this.alarms[name as AlarmName].stop();
    this.forgetPage();
    this.outcome = undefined;
    this.state = "disconnected";
    this.phase = "opening";
    this.id = null;
    this.resumeToken = undefined;
    this.positions.clear();
    this.rooms.clear();
    this.before = { reason: error.message, transport: this.before.transport };
    if (state === "connecting") outcome?.reject(error);
    else {
      // Who was told that we are trying must hear that we are not any more.
      if (!asked) this.told = false;
      this.tell(false);
    }
    this.requests.failAll(asked ? error : clientError("disconnected", this.goodbye ?? error.message));
  }

  /** The present line and what belongs to it. */
  private stop(): void {
    this.attempts += 1;
    this.line = null;
    this.rests = 0;
    this.alarms.opening.stop();
    this.alarms.rest.stop();
    this.alarms.answer.stop();
  }

  private pump(): void {
    if (this.phase === "opening") return;
    for (const next of this.requests.take(this.rooms.room, this.phase === "entering")) this.publish(next);
    if (this.requests.unanswered && !this.alarms.answer.pending) {
      this.alarms.answer.set(ANSWER, () => this.abandon("an answer did not come"));
    }
  }

  private publish({ request, data, ext }: Sendable): void {
    const mine = this.attempts;
    this.line?.publish(data, ext, (ack) => {
      if (mine === this.attempts) this.after(this.requests.acknowledged(request, ack));
    });
  }

  private after(after: After): void {
    if (after.rest) this.rest();
    if (after.resync) this.abandon("the connection is in another room");
    else this.pump();
  }

  private rest(): void {
    const { rest } = this.alarms;
    if (rest.pending) return;
    rest.set(Math.min(5_000, REST * 2 ** this.rests), () => {
      this.rests += 1;
      const { sends, more } = this.requests.rested();
      for (const next of sends) this.publish(next);
      if (more) this.rest();
      this.pump();
    });
  }
}

function newOutcome(): Outcome {
  let resolve: (details: Message) => void = () => {};
  let reject: (error: ClientError) => void = () => {};
  const promise = new Promise<Message>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  promise.catch(() => {});
  return { promise, resolve, reject };
}
