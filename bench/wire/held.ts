/** Held requests, as bench/servers/floor-polling.js takes them. */
import type { Door } from "../lib/dial.ts";
import type { Receiver } from "../lib/flow.ts";
import { HttpConnection, Post } from "../lib/http.ts";
import { readNumbers } from "../lib/text.ts";
import type { Client, Wire } from "./wire.ts";

class HeldClient implements Client {
  receiver: Receiver | null = null;
  readonly #door: Door;
  readonly #polls: HttpConnection;
  #after = 0;
  #post: Post | null = null;

  private constructor(door: Door, polls: HttpConnection, after: number) {
    this.#door = door;
    this.#polls = polls;
    this.#after = after;
  }

  static async open(door: Door): Promise<Client> {
    const polls = new HttpConnection(door);
    const client = new HeldClient(door, polls, Number(await polls.asked("/")));
    client.#poll();
    return client;
  }

  say(text: string): void {
    this.#post ??= new Post(this.#door, "/", (texts) => texts.join("\n"));
    this.#post.send(text);
  }

  act(): void {
    throw new Error("bare polling has no actions");
  }

  close(): void {
    this.#polls.close();
    this.#post?.close();
  }

  #poll(): void {
    this.#polls.ask(`/${this.#after}`, null, (body) => {
      const now = performance.now();
      const numbers: number[] = [];
      readNumbers(body, 0, body.length, numbers);
      this.#after += numbers.length;
      if (this.receiver !== null) for (const number of numbers) this.receiver.heard(number, now);
      this.#poll();
    });
  }
}

export const held: Wire = { open: HeldClient.open };
