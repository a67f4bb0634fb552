/** Socket.IO 4: Engine.IO 4 below, over a socket and over long-polling. */
import type { Door } from "../lib/dial.ts";
import type { Receiver } from "../lib/flow.ts";
import { HttpConnection, Post } from "../lib/http.ts";
import { Socket } from "../lib/sockets.ts";
import { readNumbers } from "../lib/text.ts";
import type { Client, Wire } from "./wire.ts";

const path = (transport: string, room: number): string =>
  `/socket.io/?EIO=4&transport=${transport}&room=${room}`;
const JOIN = "40";
const PING = "2";
const PONG = "3";
const WELCOME = '42["welcome"]';
const SEPARATOR = "\x1e";

const say = (text: string): string => `42["say","${text}"]`;
const act = (text: string, id: number): string => `42${id}["act","${text}"]`;

class SocketClient implements Client {
  readonly #room: number;
  #receiver: Receiver | null = null;
  #socket: Socket;
  #asked = 0;

  private constructor(socket: Socket, room: number) {
    this.#socket = socket;
    this.#room = room;
  }

  static async open(door: Door, room: number): Promise<Client> {
    return new SocketClient(await joined(door, room), room);
  }

  set receiver(receiver: Receiver | null) {
    this.#receiver = receiver;
    this.#socket.receiver = receiver;
  }

  say(text: string): void {
    this.#socket.send(say(text));
  }

  act(text: string): void {
    this.#socket.send(act(text, this.#asked++));
  }

  close(): void {
    this.#socket.close();
  }

  async back(door: Door): Promise<void> {
    this.#socket = await joined(door, this.#room);
    this.#socket.receiver = this.#receiver;
  }
}

async function joined(door: Door, room: number): Promise<Socket> {
  const socket = await Socket.open(door, path("websocket", room), { first: "0{" });
  socket.onText = (text) => {
    if (text === PING) socket.send(PONG);
  };
  socket.send(JOIN);
  await socket.answer(WELCOME);
  return socket;
}

class PollingClient implements Client {
  receiver: Receiver | null = null;
  readonly #polls: HttpConnection;
  readonly #path: string;
  readonly #post: Post;
  #asked = 0;

  private constructor(door: Door, polls: HttpConnection, path: string) {
    this.#polls = polls;
    this.#path = path;
    this.#post = new Post(door, this.#path, (texts) => texts.join(SEPARATOR));
  }

  static async open(door: Door, room: number): Promise<Client> {
    const polls = new HttpConnection(door);
    const own = path("polling", room);
    const { sid } = JSON.parse((await polls.asked(own)).slice(1)) as { sid: string };
    const client = new PollingClient(door, polls, `${own}&sid=${sid}`);
    client.#post.send(JOIN);
    while (!(await polls.asked(client.#path)).includes(WELCOME));
    client.#poll();
    return client;
  }

  say(text: string): void {
    this.#post.send(say(text));
  }

  act(text: string): void {
    this.#post.send(act(text, this.#asked++));
  }

  close(): void {
    this.#polls.close();
    this.#post.close();
  }

  #poll(): void {
    this.#polls.ask(this.#path, null, (body) => {
      const now = performance.now();
      const numbers: number[] = [];
      readNumbers(body, 0, body.length, numbers);
      if (body.toString().split(SEPARATOR).includes(PING)) this.#post.send(PONG);
      if (this.receiver !== null) for (const number of numbers) this.receiver.heard(number, now);
      this.#poll();
    });
  }
}

export const socketIo: Wire = { open: SocketClient.open };
export const socketIoPolling: Wire = { open: PollingClient.open };
