/** WebSockets by hand, much cheaper than the servers that they load. */
import type net from "node:net";
import { type Door, dial, readBuffer } from "./dial.ts";
import type { Receiver } from "./flow.ts";
import { Inflater } from "./inflater.ts";
import { readNumbers } from "./text.ts";

/** Chunks in which nothing but whole frames with numbers came, by their length: members of a room often get the same bytes. */
const known = new Map<number, { readonly bytes: Buffer; readonly numbers: readonly number[] }>();

const TEXT = 1;
const CLOSE = 8;
const PING = 9;
/** A bit in a frame's first byte. */
const COMPRESSED = 0x40;
const OFFER = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n";
const EXTENSION = /^sec-websocket-extensions: permessage-deflate(.*)$/im;

/** A client's frame; its mask is all zeros, so the text stays as it is. */
function frameOf(text: string): string {
  const { length } = text;
  if (length < 126) return String.fromCharCode(0x81, 0x80 | length, 0, 0, 0, 0) + text;
  return String.fromCharCode(0x81, 0xfe, length >> 8, length & 255, 0, 0, 0, 0) + text;
}

interface Ways {
  /** Usable when a text with this in it has come; without it, at once. */
  readonly first?: string;
  /** Tells texts that have to be answered although there may be numbers in them. */
  readonly control?: string;
}

export class Socket {
  /** Gets the numbers that come. */
  receiver: Receiver | null = null;
  /** Gets texts without a number, and those in which `control` occurs. */
  onText: (text: string) => void = () => {};
  /** What came last with numbers in it. */
  latest: Buffer | null = null;
  readonly #stream: net.Socket;
  readonly #control: Buffer | null;
  readonly #deflate: boolean;
  #rest: Buffer | null = null;
  #upgraded = false;
  #inflater: Inflater | null = null;
  #asked: { readonly sign: string; readonly answered: (text: string) => void } | null = null;
  #pending = "";

  private constructor(door: Door, path: string, control: string | undefined, failed: (error: Error) => void) {
    this.#control = control === undefined ? null : Buffer.from(control);
    this.#deflate = door.deflate ?? false;
    this.#stream = dial(door, (length) => this.#read(length));
    this.#stream.once("error", failed).once("close", () => failed(new Error("the server closed a socket")));
    this.#stream.write(
      `GET ${path} HTTP/1.1\r\nHost: 127.0.0.1:${door.port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
        `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n${this.#deflate ? OFFER : ""}\r\n`,
    );
  }

  static open(door: Door, path: string, { first = "", control }: Ways = {}): Promise<Socket> {
    return new Promise((resolve, reject) => {
      const socket = new Socket(door, path, control, reject);
      socket.answer(first).then(() => resolve(socket));
    });
  }

  /** What is sent in one turn leaves in one write. */
  send(text: string): void {
    if (this.#pending === "") queueMicrotask(() => this.#flush());
    this.#pending += frameOf(text);
  }

  /** Resolves with the first text that has `sign` in it. */
  answer(sign: string): Promise<string> {
    return new Promise((answered) => {
      this.#asked = { sign, answered };
    });
  }

  close(): void {
    this.#stream.destroy();
  }

  #flush(): void {
    this.#stream.write(this.#pending, "latin1");
    this.#pending = "";
  }

  #read(length: number): void {
    const now = performance.now();
    if (this.#rest === null && !this.#inflater?.remembers) {
      const same = known.get(length);
      if (same && readBuffer.compare(same.bytes, 0, length, 0, length) === 0) {
        this.latest = same.bytes;
        this.#hear(same.numbers, now);
        return;
      }
    }
    const chunk = readBuffer.subarray(0, length);
    const bytes = this.#rest === null ? chunk : Buffer.concat([this.#rest, chunk]);
    const numbers: number[] = [];
    const { end, plain } = this.#frames(bytes, numbers);
    if (numbers.length > 0) {
      this.latest = Buffer.from(bytes.subarray(0, end));
      if (plain && end === length && this.#rest === null && !this.#inflater?.remembers)
        known.set(length, { bytes: this.latest, numbers });
    }
    this.#rest = end === bytes.length ? null : Buffer.from(bytes.subarray(end));
    this.#hear(numbers, now);
  }

  #hear(numbers: readonly number[], now: number): void {
    if (this.receiver !== null) for (const number of numbers) this.receiver.heard(number, now);
  }

  /** Where the last whole frame ends, and whether there was nothing but numbers. */
  #frames(bytes: Buffer, numbers: number[]): { readonly end: number; readonly plain: boolean } {
    let at = 0;
    let plain = true;
    if (!this.#upgraded) {
      const end = bytes.indexOf("\r\n\r\n");
      if (end === -1) return { end: 0, plain: false };
      this.#upgrade(bytes.toString("latin1", 0, end));
      at = end + 4;
      plain = false;
      if (this.#asked?.sign === "") this.#told("");
    }
    while (at + 2 <= bytes.length) {
      let length = bytes[at + 1]!;
      let start = at + 2;
      if (length === 126) {
        if (start + 2 > bytes.length) break;
        length = bytes.readUInt16BE(start);
        start += 2;
      } else if (length === 127) {
        if (start + 8 > bytes.length) break;
        length = Number(bytes.readBigUInt64BE(start));
        start += 8;
      }
      const end = start + length;
      if (end > bytes.length) break;
      if (!this.#frame(bytes[at]!, bytes, start, end, numbers)) plain = false;
      at = end;
    }
    return { end: at, plain };
  }

  #upgrade(head: string): void {
    if (!head.includes(" 101 ")) throw new Error("the server refused a WebSocket");
    this.#upgraded = true;
    const extension = EXTENSION.exec(head)?.[1];
    if (extension !== undefined)
      this.#inflater = new Inflater(!extension.includes("server_no_context_takeover"));
    else if (this.#deflate) throw new Error("the server does not compress");
  }

  /** True when it brought numbers and asks for nothing. */
  #frame(first: number, bytes: Buffer, start: number, end: number, numbers: number[]): boolean {
    const kind = first & 15;
    if ((first & COMPRESSED) !== 0) {
      const text = this.#inflater!.inflate(bytes.subarray(start, end));
      return this.#frame(first ^ COMPRESSED, text, 0, text.length, numbers);
    }
    if (kind === TEXT) {
      const before = numbers.length;
      readNumbers(bytes, start, end, numbers);
      if (numbers.length > before && !this.#asks(bytes, start, end)) return true;
      this.#told(bytes.toString("utf8", start, end));
    } else if (kind === PING) {
      this.#stream.write(
        Buffer.from([0x8a, 0x80 | (end - start), 0, 0, 0, 0, ...bytes.subarray(start, end)]),
      );
    } else if (kind === CLOSE) {
      this.#stream.destroy(new Error("the server closed a socket"));
    }
    return false;
  }

  #asks(bytes: Buffer, start: number, end: number): boolean {
    if (this.#control === null) return false;
    const at = bytes.indexOf(this.#control, start);
    return at !== -1 && at < end;
  }

  #told(text: string): void {
    const asked = this.#asked;
    if (asked !== null && text.includes(asked.sign)) {
      this.#asked = null;
      asked.answered(text);
    } else {
      this.onText(text);
    }
  }
}
