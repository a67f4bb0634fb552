import { Alarm } from "./clock.ts";
import { Conversation } from "./conversation.ts";
import { type ClientError, clientError } from "./errors.ts";
import type { Disconnected, Reconnected } from "./events.ts";
import { Line, type Loss } from "./line.ts";
import type { Settings } from "./options.ts";
import { newOutcome, type Outcome } from "./outcome.ts";
import { watchPage } from "./page.ts";
import { comeBackIn, TransportPolicy } from "./policy.ts";
import type { Kind, Settle } from "./request.ts";
import { refuseLater } from "./requests.ts";
import { transportsHere } from "./transports.ts";
import type { DeliveryExt, Message, Resume } from "./wire.ts";

export type State = "disconnected" | "connecting" | "connected" | "reconnecting";

export interface SessionListener {
  connect(details: Message): void;
  disconnect(info: Disconnected): void;
  reconnect(info: Reconnected): void;
  /** Anything from the server that is not an answer. */
  message(message: Message): void;
}

/** ms: an interruption shorter than this is nobody's business. */
const BLIP = 1_000;
/** ms from the start of an attempt until the connection can be used. */
const OPENING = 15_000;
/** ms: a connection that lasted as long was a good one, and its loss is a first loss again. */
const STEADY = 5_000;

type AlarmName = "retry" | "opening" | "blip" | "connect";

/** Keeps one connection alive over any number of lines. */
export class Session {
  state: State = "disconnected";
  id: string | null = null;

  private readonly settings: Settings;
  private readonly listener: SessionListener;
  private readonly conversation: Conversation;
  private readonly transports: TransportPolicy;
  private readonly alarms: Readonly<Record<AlarmName, Alarm>>;
  private line: Line | null = null;
  /** The session that the server knows, even while another one is being opened. */
  private lastShaken: Line | null = null;
  /** Which attempt is the present one: what an older one still has to say is not heard. */
  private attempts = 0;
  private failures = 0;
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
    this.conversation = new Conversation(settings, {
      message: (message) => listener.message(message),
      welcomed: () => this.welcomed(),
      gap: (room) => this.gap(room),
      goodbye: (reason) => {
        this.goodbye = reason;
      },
      abandon: (reason, mute) => this.abandon(reason, mute),
    });
    const { transports, url, ownFaye } = settings;
    this.transports = new TransportPolicy(transports && transportsHere(transports, url, ownFaye), clock);
    const alarm = () => new Alarm(clock);
    this.alarms = {
      retry: alarm(),
      opening: alarm(),
      blip: alarm(),
      connect: alarm(),
    };
  }

  get room(): string | null {
    return this.conversation.rooms.room;
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
    this.forgetPage = watchPage({ wake: () => this.wake(), leave: () => this.lastShaken?.closeAtOnce() });
    this.alarms.connect.set(this.settings.connectTimeout, () =>
      this.end(clientError("connect_timeout", this.before.reason)),
    );
    this.attempt();
    return outcome.promise;
  }

  async disconnect(): Promise<void> {
    const { line, lastShaken } = this;
    if (this.state === "disconnected") return;
    this.line = null;
    this.end(clientError("disconnected", "disconnect() was called"), true);
    // While another session is being opened the server may still know the former one.
    await Promise.all([line?.close(), lastShaken === line ? undefined : lastShaken?.close()]);
  }

  ask(kind: Kind, data: Readonly<Record<string, unknown>>, settle: Settle): void {
    if (this.state === "disconnected") {
      refuseLater(settle, clientError("disconnected"));
      return;
    }
    this.conversation.ask(kind, data, settle);
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
    alarms.opening.set(OPENING, () => this.abandon("opening took too long", true));
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
          attempt: mine,
          positions: this.conversation.positions,
          clock: settings.clock,
        },
        {
          handshaken: present((id: string, resume: Resume) => this.handshaken(id, resume)),
          subscribed: present(() => this.subscribed()),
          delivery: present((data: unknown, ext: DeliveryExt) => this.conversation.delivery(data, ext)),
          lost: present((loss: Loss) => this.lost(loss)),
          refused: present((error: ClientError) => this.end(error)),
        },
      );
      this.conversation.on(this.line);
      this.line.open();
    } catch (error) {
      // Options that Faye does not know, or an address that is none: trying again would not help.
      this.end(clientError("refused", error instanceof Error ? error.message : String(error)));
    }
  }

  private handshaken(id: string, resume: Resume): void {
    this.lastShaken = this.line;
    this.resumeToken = resume.token;
    this.awaitingWelcome = !resume.resumed;
    if (resume.resumed) this.conversation.resumed(resume);
    else {
      const instead = this.state === "reconnecting";
      // Another id is news even when the interruption was too short to be told.
      if (instead) this.tell();
      if (this.state === "disconnected") return;
      this.conversation.begun(instead);
    }
    this.id = id;
  }

  /** A connection that was resumed is welcomed no second time. */
  private subscribed(): void {
    if (!this.awaitingWelcome) this.enter();
  }

  private welcomed(): void {
    if (!this.awaitingWelcome) return;
    this.awaitingWelcome = false;
    this.enter();
  }

  /** The connection is there: fetch what the application wants to know, be again where it was. */
  private enter(): void {
    const { conversation } = this;
    conversation.phase = "entering";
    const todo: { kind: Kind; data: Record<string, unknown> }[] = [];
    const { room, listening } = conversation.rooms.missing();
    if (room !== null) todo.push({ kind: "verb", data: { event: "roomChange", room } });
    for (const name of listening) todo.push({ kind: "verb", data: { event: "listenToRoom", room: name } });
    if (this.state === "connecting") todo.push({ kind: "read", data: { event: "detailsView" } });
    let left = todo.length;
    if (left === 0) this.ready(undefined);
    for (const { kind, data } of todo) {
      conversation.askOwn(kind, data, (error, reply) => {
        // Refused for good is an answer; "not now" is none, and the whole is tried again.
        const notNow = error?.code === "unavailable" || error?.code === "outcome_unknown";
        if (this.state === "disconnected") return;
        if (notNow || (error && kind === "read")) return this.abandon(error?.message ?? "");
        left -= 1;
        if (left === 0) this.ready(reply);
      });
    }
    conversation.pump();
  }

  private ready(details: Message | undefined): void {
    const { alarms, conversation } = this;
    alarms.opening.stop();
    alarms.connect.stop();
    alarms.blip.stop();
    conversation.phase = "usable";
    this.openedAt = this.settings.clock.now();
    const first = this.state === "connecting";
    this.state = "connected";
    if (first && details) {
      // Before the handler, which may end it.
      this.outcome?.resolve(details);
      this.listener.connect(details);
    } else {
      this.back();
    }
    conversation.pump();
  }

  private back(): void {
    const { rooms } = this.conversation;
    const rebuilt = rooms.rebuilding;
    for (const room of rooms.rebuilt()) this.gap(room);
    // Too short to be told, unless something else carries it now.
    if (this.transport !== this.before.transport) this.tell();
    // A handler may have ended it.
    if (!this.told || this.state !== "connected") return;
    this.told = false;
    this.listener.reconnect({
      id: this.id ?? "",
      resumed: !rebuilt,
      transport: this.transport,
      previousTransport: this.before.transport,
      reason: this.before.reason,
    });
  }

  private gap(room: string): void {
    this.listener.message({ context: "api", gap: { room, missed: null } });
  }

  /** That it is gone for now. */
  private tell(): void {
    if (this.told) return;
    this.told = true;
    this.listener.disconnect({ reason: this.goodbye ?? this.before.reason, reconnecting: true });
  }

  private abandon(reason: string, mute = false): void {
    this.line?.abandon();
    this.lost({ reason, interval: 0, mute });
  }

  private lost(loss: Loss): void {
    const { alarms, conversation, transport } = this;
    const { clock } = this.settings;
    const life = clock.now() - this.openedAt;
    const used = conversation.phase === "usable";
    if (this.line && !loss.asked) this.transports.ended(transport, life, loss.mute);
    this.stop();
    conversation.lost();
    if (used && life >= STEADY) this.failures = 0;
    const delay = comeBackIn(this.failures, loss.interval, used, clock.random);
    this.failures += 1;
    if (this.state === "connected") {
      this.state = "reconnecting";
      this.before = { reason: loss.reason, transport };
      alarms.blip.set(BLIP, () => this.tell());
    } else if (this.state === "connecting") {
      this.before = { reason: loss.reason, transport };
    }
    alarms.retry.set(delay, () => this.attempt());
  }

  /** No way back: asked for, or the server's word. */
  private end(error: ClientError, asked = false): void {
    if (this.state === "disconnected") return;
    const { outcome, state } = this;
    // Who was told that we are trying must hear that we are not any more.
    const due = state !== "connecting" && !(asked && this.told);
    const reason = this.goodbye ?? error.message;
    this.line?.abandon();
    this.stop();
    for (const name of Object.keys(this.alarms)) this.alarms[name as AlarmName].stop();
    this.forgetPage();
    this.outcome = undefined;
    this.state = "disconnected";
    this.id = null;
    this.resumeToken = undefined;
    this.lastShaken = null;
    if (state === "connecting") outcome?.reject(error);
    // All is over before anybody hears of it: whoever does may connect again.
    this.conversation.end(asked ? error : clientError("disconnected", reason));
    if (due) this.listener.disconnect({ reason, reconnecting: false });
  }

  /** The present line and what belongs to it. */
  private stop(): void {
    this.attempts += 1;
    this.line = null;
    this.alarms.opening.stop();
  }
}
