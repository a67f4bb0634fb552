/** Socket.IO 4: Engine.IO 4 below, over a socket and over long-polling. */
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
  readonly #socket: Socket;
  #asked = 0;

  private constructor(socket: Socket) {
    this.#socket = socket;
  }

  static async open(port: number, room: number): Promise<Client> {
    const socket = await Socket.open(port, path("websocket", room), { first: "0{" });
    socket.onText = (text) => {
      if (text === PING) socket.send(PONG);
    };
    socket.send(JOIN);
    await socket.answer(WELCOME);
    return new SocketClient(socket);
  }

  set receiver(receiver: Receiver | null) {
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
}

class PollingClient implements Client {
  receiver: Receiver | null = null;
  readonly #polls: HttpConnection;
  readonly #path: string;
  readonly #post: Post;
  #asked = 0;

  private constructor(port: number, polls: HttpConnection, path: string) {
    this.#polls = polls;
    this.#path = path;
    this.#post = new Post(port, this.#path, (texts) => texts.join(SEPARATOR));
  }

  static async open(port: number, room: number): Promise<Client> {
    const polls = new HttpConnection(port);
    const own = path("polling", room);
    const { sid } = JSON.parse((await polls.asked(own)).slice(1)) as { sid: string };
    const client = new PollingClient(port, polls, `${own}&sid=${sid}`);
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
