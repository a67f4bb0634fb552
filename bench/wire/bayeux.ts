/** Bayeux: our own client, a stock client at our server, and a client of Faye's server; over a socket and over long-polling. */
import type { Door } from "../lib/dial.ts";
import type { Receiver } from "../lib/flow.ts";
import { EventStream, HttpConnection, Post } from "../lib/http.ts";
import { Socket } from "../lib/sockets.ts";
import { readNumbers } from "../lib/text.ts";
import type { Client, Wire } from "./wire.ts";

const PATH = "/faye";
const CONNECT = "/meta/connect";
/** The number of the request to enter a room. */
const CHANGE = "room";

interface Message {
  readonly channel: string;
  readonly clientId: string;
  readonly successful?: boolean;
  readonly error?: string;
  readonly data?: { readonly welcome?: string; readonly messageId?: string };
  readonly ext?: {
    readonly actionwire?: {
      readonly connectionId?: string;
      readonly resume?: { readonly token: string; readonly resumed: boolean; readonly last?: number };
      readonly joined?: {
        readonly topic: string;
        readonly position: string;
        readonly last: number;
        readonly room: string;
      };
    };
  };
}

const parse = (text: string): Message[] => JSON.parse(text) as Message[];

/** What a session says. It is told of what it needs to know from what comes. */
interface Speech {
  handshake(type: string): string;
  begin(reply: Message): void;
  subscribe(): string;
  connect(): string;
  say(text: string): string;
  act(text: string): string;
  /** Learns from what comes in the beginning. True when the first room has been entered. */
  entered(messages: readonly Message[]): boolean;
  /** To enter another room; null where there is no need to. */
  change(): string | null;
  /** True when that has been done. */
  changed(messages: readonly Message[]): boolean;
  /** Learns from bytes with deliveries in them. */
  delivered(bytes: Buffer): void;
}

/** How many sessions there have been: names for their own channels. */
let sessions = 0;

/** At a server of Faye's: a room is a channel; an action is asked for, and answered, on a channel of one's own. */
class FayeSpeech implements Speech {
  protected clientId = "";
  protected type = "";
  protected ids = 0;
  protected readonly room: number;
  readonly #actions = `/actions/${sessions++}`;

  constructor(room: number) {
    this.room = room;
  }

  handshake(type: string): string {
    this.type = type;
    this.clientId = "";
    return this.text({
      channel: "/meta/handshake",
      version: "1.0",
      supportedConnectionTypes: [type],
      ...this.shaking(),
    });
  }

  begin(reply: Message): void {
    this.clientId = reply.clientId;
  }

  subscribe(): string {
    return this.text({ channel: "/meta/subscribe", subscription: [`/room/${this.room}`, this.#actions] });
  }

  connect(): string {
    return this.text({ channel: CONNECT, connectionType: this.type });
  }

  say(text: string): string {
    return this.text({ channel: `/room/${this.room}`, data: text });
  }

  act(text: string): string {
    return this.text({ channel: this.#actions, data: { request: text } });
  }

  entered(messages: readonly Message[]): boolean {
    return messages.some(({ channel }) => channel === "/meta/subscribe");
  }

  change(): string | null {
    return null;
  }

  changed(_messages: readonly Message[]): boolean {
    return true;
  }

  delivered(_bytes: Buffer): void {}

  protected shaking(): object {
    return {};
  }

  protected text(message: object): string {
    this.ids += 1;
    const clientId = this.clientId === "" ? {} : { clientId: this.clientId };
    return JSON.stringify({ ...message, ...clientId, id: this.ids.toString(36) });
  }
}

/** A stock client at our server. */
class StockSpeech extends FayeSpeech {
  protected line = "";

  override begin(reply: Message): void {
    super.begin(reply);
    this.line = `/client/websocket/connection/${reply.ext?.actionwire?.connectionId}`;
  }

  override subscribe(): string {
    return this.text({ channel: "/meta/subscribe", subscription: this.line });
  }

  override say(text: string): string {
    return this.text({ channel: this.line, data: { event: "say", message: text, messageId: this.ids } });
  }

  override act(text: string): string {
    const params = { action: "echo", text };
    return this.text({ channel: this.line, data: { event: "action", params, messageId: this.ids } });
  }

  override entered(messages: readonly Message[]): boolean {
    return messages.some(({ data }) => data?.welcome !== undefined);
  }

  override change(): string | null {
    return this.room === 0
      ? null
      : this.text({ channel: this.line, data: this.#roomChange, ...this.numbered() });
  }

  override changed(messages: readonly Message[]): boolean {
    return messages.some(({ data }) => data?.messageId === CHANGE);
  }

  protected numbered(): object {
    return {};
  }

  get #roomChange(): object {
    return { event: "roomChange", room: `room ${this.room}`, messageId: CHANGE };
  }
}

/** Our own client (docs/protocol.md, section 6). */
class OurSpeech extends StockSpeech {
  #room = "";
  #topic = "";
  #position = "";
  #said = 0;
  #token = "";
  #attempts = 0;

  /** The first time it begins a connection, later on it has to go on with it. */
  override begin(reply: Message): void {
    super.begin(reply);
    const { token = "", resumed, last = 0 } = reply.ext?.actionwire?.resume ?? {};
    if (this.#token !== "") {
      if (!resumed) throw new Error("a connection was not resumed");
      this.#said = last;
    }
    this.#token = token;
  }

  override connect(): string {
    const ext = { actionwire: { positions: this.#positions } };
    return this.text({ channel: CONNECT, connectionType: this.type, ext });
  }

  override say(text: string): string {
    this.#said += 1;
    const ext = { actionwire: { room: this.#room, n: this.#said } };
    return this.text({
      channel: this.line,
      data: { event: "say", message: text, messageId: `${this.ids}` },
      ext,
    });
  }

  override changed(messages: readonly Message[]): boolean {
    return super.changed(messages) && this.entered(messages);
  }

  override entered(messages: readonly Message[]): boolean {
    for (const { ext } of messages) {
      const joined = ext?.actionwire?.joined;
      if (!joined) continue;
      this.#room = joined.room;
      this.#topic = joined.topic;
      this.#position = joined.position;
      this.#said = joined.last;
      return true;
    }
    return false;
  }

  override delivered(bytes: Buffer): void {
    const sign = '"position":"';
    const at = bytes.lastIndexOf(sign);
    if (at === -1) return;
    const start = at + sign.length;
    this.#position = bytes.toString("latin1", start, bytes.indexOf('"', start));
  }

  protected override shaking(): object {
    this.#attempts += 1;
    const resume = { token: this.#token, positions: this.#positions, attempt: this.#attempts };
    return { ext: { actionwire: this.#token === "" ? { client: 1 } : { client: 1, resume } } };
  }

  protected override numbered(): object {
    return { ext: { actionwire: { n: 1 } } };
  }

  get #positions(): object {
    return this.#topic === "" ? {} : { [this.#topic]: this.#position };
  }
}

function check(messages: readonly Message[]): void {
  const failed = messages.find(({ successful }) => successful === false);
  if (failed) throw new Error(`${failed.channel} was refused: ${failed.error}`);
}

class SocketClient implements Client {
  #receiver: Receiver | null = null;
  #socket: Socket;
  readonly #speech: Speech;

  private constructor(socket: Socket, speech: Speech) {
    this.#socket = socket;
    this.#speech = speech;
  }

  static async open(door: Door, speech: Speech): Promise<Client> {
    const socket = await shaken(door, speech);
    const until = (seen: (messages: readonly Message[]) => boolean): Promise<void> =>
      new Promise((resolve) => {
        socket.onText = (text) => {
          const messages = parse(text);
          check(messages);
          if (seen(messages)) resolve();
        };
      });
    await until((messages) => speech.entered(messages));
    const change = speech.change();
    if (change !== null) {
      socket.send(`[${change}]`);
      await until((messages) => speech.changed(messages));
    }
    const client = new SocketClient(socket, speech);
    socket.onText = (text) => client.#told(text);
    return client;
  }

  async back(door: Door): Promise<void> {
    const { latest } = this.#socket;
    if (latest !== null) this.#speech.delivered(latest);
    this.#socket = await shaken(door, this.#speech);
    this.#socket.receiver = this.#receiver;
    this.#socket.onText = (text) => this.#told(text);
  }

  set receiver(receiver: Receiver | null) {
    this.#receiver = receiver;
    this.#socket.receiver = receiver;
  }

  say(text: string): void {
    this.#socket.send(`[${this.#speech.say(text)}]`);
  }

  act(text: string): void {
    this.#socket.send(`[${this.#speech.act(text)}]`);
  }

  close(): void {
    this.#socket.close();
  }

  #told(text: string): void {
    const messages = parse(text);
    check(messages);
    if (!messages.some(({ channel }) => channel === CONNECT)) return;
    // On a socket that is open positions are not read again: those of the beginning will do.
    this.#socket.send(`[${this.#speech.connect()}]`);
  }
}

/** A socket with a session that is subscribed to its line and takes deliveries, soon. */
async function shaken(door: Door, speech: Speech): Promise<Socket> {
  const socket = await Socket.open(door, PATH, { control: CONNECT });
  socket.send(`[${speech.handshake("websocket")}]`);
  const [reply] = parse(await socket.answer("/meta/handshake")) as [Message];
  check([reply]);
  speech.begin(reply);
  socket.send(`[${speech.subscribe()}]`);
  socket.send(`[${speech.connect()}]`);
  return socket;
}

/** How polls travel. */
interface Polling {
  readonly type: string;
  /** Path and body of the request with a unit. */
  request(unit: string): readonly [path: string, body: string | null];
  unitOf(answer: string): string;
}

const longPolling: Polling = {
  type: "long-polling",
  request: (unit) => [PATH, unit],
  unitOf: (answer) => answer,
};

const callbackPolling: Polling = {
  type: "callback-polling",
  request: (unit) => [`${PATH}?message=${encodeURIComponent(unit)}&jsonp=heard`, null],
  unitOf: (answer) => answer.slice(answer.indexOf("(") + 1, answer.lastIndexOf(")")),
};

class PollingClient implements Client {
  receiver: Receiver | null = null;
  readonly #door: Door;
  readonly #polls: HttpConnection;
  readonly #speech: Speech;
  readonly #polling: Polling;
  #post: Post | null = null;

  private constructor(door: Door, speech: Speech, polling: Polling) {
    this.#door = door;
    this.#polls = new HttpConnection(door);
    this.#speech = speech;
    this.#polling = polling;
  }

  static async open(door: Door, speech: Speech, polling: Polling): Promise<Client> {
    const client = new PollingClient(door, speech, polling);
    const [reply] = (await client.#ask(speech.handshake(polling.type))) as [Message];
    speech.begin(reply);
    let entered = speech.entered(await client.#ask(speech.subscribe()));
    while (!entered) entered = speech.entered(await client.#ask(speech.connect()));
    const change = speech.change();
    if (change !== null) {
      client.#send(change);
      while (!speech.changed(await client.#ask(speech.connect())));
    }
    client.#poll();
    return client;
  }

  say(text: string): void {
    this.#send(this.#speech.say(text));
  }

  act(text: string): void {
    this.#send(this.#speech.act(text));
  }

  close(): void {
    this.#polls.close();
    this.#post?.close();
  }

  #send(text: string): void {
    this.#post ??= new Post(this.#door, PATH, unitOf);
    this.#post.send(text);
  }

  async #ask(text: string): Promise<Message[]> {
    const messages = parse(
      this.#polling.unitOf(await this.#polls.asked(...this.#polling.request(`[${text}]`))),
    );
    check(messages);
    return messages;
  }

  #poll(): void {
    this.#polls.ask(...this.#polling.request(`[${this.#speech.connect()}]`), (body) => {
      const now = performance.now();
      const numbers: number[] = [];
      readNumbers(body, 0, body.length, numbers);
      this.#speech.delivered(body);
      if (numbers.length === 0) check(parse(this.#polling.unitOf(body.toString())));
      if (this.receiver !== null) for (const number of numbers) this.receiver.heard(number, now);
      this.#poll();
    });
  }
}

/** Deliveries come as events, the rest is posted. */
class EventClient implements Client {
  receiver: Receiver | null = null;
  readonly #post: Post;
  readonly #stream: EventStream;
  readonly #speech: Speech;
  #told: ((messages: readonly Message[]) => void) | null = null;

  private constructor(door: Door, clientId: string, speech: Speech) {
    this.#post = new Post(door, PATH, unitOf);
    this.#speech = speech;
    this.#stream = new EventStream(door, `${PATH}/${clientId}`, (events) => this.#heard(events));
  }

  static async open(door: Door, speech: Speech): Promise<Client> {
    const first = new HttpConnection(door);
    const [reply] = parse(await first.asked(PATH, `[${speech.handshake("eventsource")}]`)) as [Message];
    check([reply]);
    speech.begin(reply);
    const client = new EventClient(door, reply.clientId, speech);
    const subscribed = parse(await first.asked(PATH, `[${speech.subscribe()}]`));
    check(subscribed);
    first.close();
    if (!speech.entered(subscribed)) {
      client.#post.send(speech.connect());
      await client.#until((messages) => speech.entered(messages));
    }
    const change = speech.change();
    if (change !== null) {
      client.#post.send(change);
      await client.#until((messages) => speech.changed(messages));
    }
    client.#told = null;
    return client;
  }

  say(text: string): void {
    this.#post.send(this.#speech.say(text));
  }

  act(text: string): void {
    this.#post.send(this.#speech.act(text));
  }

  close(): void {
    this.#post.close();
    this.#stream.close();
  }

  #until(seen: (messages: readonly Message[]) => boolean): Promise<void> {
    return new Promise((resolve) => {
      this.#told = (messages) => {
        if (seen(messages)) resolve();
      };
    });
  }

  #heard(events: Buffer): void {
    const now = performance.now();
    const numbers: number[] = [];
    readNumbers(events, 0, events.length, numbers);
    if (this.receiver !== null) for (const number of numbers) this.receiver.heard(number, now);
    if (this.#told === null) return;
    for (const [, unit] of events.toString().matchAll(/^data: (.*)\r$/gm)) this.#told(parse(unit!));
  }
}

const unitOf = (texts: readonly string[]): string => `[${texts.join(",")}]`;

/** Whose client it is. */
type Speaker = new (room: number) => Speech;

const sockets = (speaker: Speaker): Wire => ({
  open: (door, room) => SocketClient.open(door, new speaker(room)),
});
const polling = (speaker: Speaker, way = longPolling): Wire => ({
  open: (door, room) => PollingClient.open(door, new speaker(room), way),
});
const events = (speaker: Speaker): Wire => ({
  open: (door, room) => EventClient.open(door, new speaker(room)),
});

export const ours: Wire = { ...sockets(OurSpeech), keeps: true };
export const stock = sockets(StockSpeech);
export const faye = sockets(FayeSpeech);
export const oursPolling = polling(OurSpeech);
export const stockPolling = polling(StockSpeech);
export const fayePolling = polling(FayeSpeech);
export const oursCallback = polling(OurSpeech, callbackPolling);
export const fayeCallback = polling(FayeSpeech, callbackPolling);
export const oursEvents = events(OurSpeech);
export const fayeEvents = events(FayeSpeech);
