/** The two ways in that the table of cases speaks of, for one unit at a time. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { test } from "node:test";
import { type ClientOptions, WebSocket } from "ws";
import { type Collector, collector } from "../../support/collector.ts";
import { eventually } from "../../support/eventually.ts";
import { post } from "./http.ts";
import { FOREIGN, MOUNT } from "./judged.ts";
import { handshake, isDelivery, type Message, minted } from "./messages.ts";

export interface Door {
  readonly name: "HTTP" | "ws";
  /** Sends a text and resolves with the messages that answer it, `count` of them. */
  raw(text: string, count: number): Promise<Message[]>;
  /** Sends a unit (an array, or one message); by default each message is answered once. */
  send(unit: unknown, count?: number): Promise<Message[]>;
  /** Sends one message, resolves with its reply; what is delivered beside it is dropped. */
  one(message: unknown): Promise<Message>;
  /** A new session's clientId. */
  session(): Promise<string>;
  close(): Promise<void>;
}

const countOf = (unit: unknown): number => (Array.isArray(unit) ? unit.length : 1);

abstract class AnyDoor implements Door {
  abstract readonly name: "HTTP" | "ws";
  abstract raw(text: string, count: number): Promise<Message[]>;
  abstract close(): Promise<void>;

  send(unit: unknown, count = countOf(unit)): Promise<Message[]> {
    return this.raw(JSON.stringify(unit), count);
  }

  async one(message: unknown): Promise<Message> {
    const replies = (await this.send([message], 1)).filter((reply) => !isDelivery(reply));
    assert.equal(replies.length, 1);
    return replies[0]!;
  }

  async session(): Promise<string> {
    return minted(await this.one(handshake())).clientId;
  }
}

/** Each unit is the body of a POST. */
export class HttpDoor extends AnyDoor {
  readonly name = "HTTP";
  readonly #url: string;

  constructor(base: string) {
    super();
    this.#url = `${base}${MOUNT}`;
  }

  async raw(text: string, count: number): Promise<Message[]> {
    const { status, headers, body } = await post(this.#url, text);
    assert.equal(status, 200, body);
    assert.match(
      headers["content-type"] ?? "",
      FOREIGN ? /^application\/json/ : /^application\/json; charset=utf-8$/,
    );
    const messages = JSON.parse(body) as Message[];
    assert.equal(messages.filter((message) => !isDelivery(message)).length, count, body);
    return messages;
  }

  async close(): Promise<void> {}
}

/** A WebSocket as it is: frames in, messages out. */
export class Socket {
  readonly ws: WebSocket;
  /** The messages of all frames, in order. */
  readonly heard: Collector<Message> = collector<Message>();
  /** Each frame as it came. */
  readonly frames: { readonly text: string; readonly binary: boolean }[] = [];
  closedWith: number | undefined;

  static readonly #open = new Set<Socket>();

  private constructor(ws: WebSocket) {
    this.ws = ws;
    Socket.#open.add(this);
    ws.on("message", (data, binary) => {
      const text = String(data);
      this.frames.push({ text, binary });
      for (const message of JSON.parse(text) as Message[]) this.heard.push(message);
    });
    ws.on("close", (code) => {
      Socket.#open.delete(this);
      this.closedWith = code;
    });
    ws.on("error", () => {});
  }

  static async open(base: string, options: ClientOptions & { path?: string } = {}): Promise<Socket> {
    const { path = MOUNT, ...rest } = options;
    const ws = new WebSocket(base.replace(/^http/, "ws") + path, { rejectUnauthorized: false, ...rest });
    const socket = new Socket(ws);
    await once(ws, "open");
    return socket;
  }

  /** Closes what failed cases have left open, where no server of ours does. */
  static async closeAll(): Promise<void> {
    await Promise.all([...Socket.#open].map((socket) => socket.close()));
  }

  send(unit: unknown): void {
    this.ws.send(JSON.stringify(unit));
  }

  /** Sends a message and resolves with the reply that has its id. */
  async one(message: Message): Promise<Message> {
    const id = message.id ?? `socket${++this.#ids}`;
    this.send([{ ...message, id }]);
    return this.heard.find((reply) => reply.id === id && !isDelivery(reply));
  }
  #ids = 0;

  async session(): Promise<string> {
    return minted(await this.one(handshake())).clientId;
  }

  /** Deliveries so far. */
  get deliveries(): Message[] {
    return this.heard.all.filter(isDelivery);
  }

  async close(): Promise<void> {
    if (this.ws.readyState === WebSocket.CLOSED) return;
    const closed = once(this.ws, "close");
    this.ws.terminate();
    await closed;
  }
}

/** Each unit is a frame on one socket. */
export class SocketDoor extends AnyDoor {
  readonly name = "ws";
  readonly socket: Socket;

  constructor(socket: Socket) {
    super();
    this.socket = socket;
  }

  async raw(text: string, count: number): Promise<Message[]> {
    const { heard, ws } = this.socket;
    const before = heard.all.length;
    ws.send(text);
    await eventually(() => heard.all.slice(before).filter((message) => !isDelivery(message)).length >= count);
    // Whatever else that unit brought about has come before the answer to another one.
    const frames = this.socket.frames.length;
    ws.send("[]");
    await new Promise<void>((resolve) => {
      const look = () => {
        if (!this.socket.frames.slice(frames).some((frame) => frame.text === "[]")) return;
        ws.off("message", look);
        resolve();
      };
      ws.on("message", look);
      look();
    });
    return heard.all.slice(before);
  }

  close(): Promise<void> {
    return this.socket.close();
  }
}

/** One case over HTTP and over a WebSocket. */
export function both(name: string, base: () => string, run: (door: Door) => Promise<void>): void {
  test(`${name} (HTTP)`, () => run(new HttpDoor(base())));
  test(`${name} (ws)`, async () => {
    const door = new SocketDoor(await Socket.open(base()));
    try {
      await run(door);
    } finally {
      await door.close();
    }
  });
}
