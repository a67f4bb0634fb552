/** HTTP by hand: a connection that stays, one request at a time. */
import type net from "node:net";
import { type Door, dial, readBuffer } from "./dial.ts";

/** Is handed bytes that are good only until it returns. */
type Answered = (body: Buffer) => void;

const HEAD_END = "\r\n\r\n";

export class HttpConnection {
  readonly #door: Door;
  /** Null when the server has closed it, as servers do with one that is idle. */
  #stream: net.Socket | null = null;
  #rest: Buffer | null = null;
  #answered: Answered | null = null;

  constructor(door: Door) {
    this.#door = door;
  }

  /** With a body it is a POST. */
  ask(path: string, body: string | null, answered: Answered): void {
    this.#answered = answered;
    const head = `${body === null ? "GET" : "POST"} ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\n`;
    const type = body?.startsWith("[{") ? "application/json" : "text/plain;charset=UTF-8";
    this.#stream ??= this.#connect();
    this.#stream.write(
      body === null
        ? `${head}\r\n`
        : `${head}Content-Type: ${type}\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
      "latin1",
    );
  }

  asked(path: string, body: string | null = null): Promise<string> {
    return new Promise((resolve) => this.ask(path, body, (answer) => resolve(answer.toString())));
  }

  close(): void {
    this.#stream?.destroy();
  }

  #connect(): net.Socket {
    return dial(this.#door, (length) => this.#read(length))
      .on("error", () => {})
      .on("close", () => {
        this.#stream = null;
        this.#rest = null;
      });
  }

  #read(length: number): void {
    const chunk = readBuffer.subarray(0, length);
    const bytes = this.#rest === null ? chunk : Buffer.concat([this.#rest, chunk]);
    const start = bytes.indexOf(HEAD_END) + HEAD_END.length;
    const whole =
      start >= HEAD_END.length
        ? start + bodyLength(bytes.toString("latin1", 0, start))
        : Number.POSITIVE_INFINITY;
    if (bytes.length < whole) {
      this.#rest = Buffer.from(bytes);
      return;
    }
    this.#rest = null;
    const answered = this.#answered;
    this.#answered = null;
    answered?.(bytes.subarray(start, whole));
  }
}

function bodyLength(head: string): number {
  if (!head.startsWith("HTTP/1.1 20")) throw new Error(`the server answered ${head.split("\r\n", 1)[0]}`);
  const length = /^content-length: (\d+)/im.exec(head)?.[1];
  if (length === undefined) throw new Error("the server answered without a Content-Length");
  return Number(length);
}

/** Events of a stream; `heard` gets whole ones, as many as have come, bytes that are good only until it returns. */
export class EventStream {
  readonly #stream: net.Socket;
  readonly #heard: (events: Buffer) => void;
  #rest: Buffer | null = null;

  constructor(door: Door, path: string, heard: (events: Buffer) => void) {
    this.#heard = heard;
    this.#stream = dial(door, (length) => this.#read(length)).on("error", () => {});
    this.#stream.write(`GET ${path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n\r\n`);
  }

  close(): void {
    this.#stream.destroy();
  }

  #read(length: number): void {
    const chunk = readBuffer.subarray(0, length);
    const bytes = this.#rest === null ? chunk : Buffer.concat([this.#rest, chunk]);
    const last = bytes.lastIndexOf(HEAD_END);
    const end = last === -1 ? 0 : last + HEAD_END.length;
    this.#rest = end === bytes.length ? null : Buffer.from(bytes.subarray(end));
    if (end > 0) this.#heard(bytes.subarray(0, end));
  }
}

/** Sends texts, one request at a time; what is sent meanwhile goes with the next one. */
export class Post {
  readonly #connection: HttpConnection;
  readonly #path: string;
  readonly #join: (texts: readonly string[]) => string;
  #waiting: string[] = [];
  #busy = false;

  constructor(door: Door, path: string, join: (texts: readonly string[]) => string) {
    this.#connection = new HttpConnection(door);
    this.#path = path;
    this.#join = join;
  }

  send(text: string): void {
    if (this.#waiting.length === 0 && !this.#busy) queueMicrotask(() => this.#flush());
    this.#waiting.push(text);
  }

  close(): void {
    this.#connection.close();
  }

  #flush(): void {
    const texts = this.#waiting;
    this.#waiting = [];
    this.#busy = true;
    this.#connection.ask(this.#path, this.#join(texts), () => {
      this.#busy = false;
      if (this.#waiting.length > 0) this.#flush();
    });
  }
}
