import { hash } from "node:crypto";
import type { Awaitable } from "../awaitable.ts";
import type { PublishMessage, Reply } from "../bayeux/index.ts";

/** Characters of a mark, six bits each. */
const MARK = 12;
/** Publishes remembered for each session (BAYEUX 3.7). */
const REMEMBERED = 256;

/**
 * Stock clients repeat a publish, with id and body, until it is answered. What was done is answered again and not
 * done again. The body counts too: a client may start its ids again in the same session.
 */
export class Retransmissions {
  /** Or what it will be. */
  #replies: Map<string, Awaitable<Reply>> | null = null;

  /** Null for a publish that cannot be recognised. */
  static key({ id, channel, data }: PublishMessage): string | null {
    if (id === undefined) return null;
    const body = JSON.stringify([id, channel, data]);
    return body.length < 128 ? body : hash("sha1", body, "base64url");
  }

  /** What stands for a key where it has to be stored. */
  static mark(key: string): string {
    return hash("sha1", key, "base64url").slice(0, MARK);
  }

  /** The reply to what has the same key; done when there is none. What fails is forgotten, so that a repeat tries again. */
  answer(key: string, act: () => Awaitable<Reply>): Awaitable<Reply> {
    const known = this.#replies?.get(key);
    if (known !== undefined) return known;
    const reply = act();
    this.remember(key, reply);
    return reply instanceof Promise ? this.#settle(key, reply) : reply;
  }

  async #settle(key: string, doing: Promise<Reply>): Promise<Reply> {
    try {
      const reply = await doing;
      // It keeps its place among the others.
      if (this.#replies?.has(key)) this.#replies.set(key, reply);
      return reply;
    } catch (failed) {
      this.#replies?.delete(key);
      throw failed;
    }
  }

  remember(key: string, reply: Awaitable<Reply>): void {
    this.#replies ??= new Map();
    this.#replies.set(key, reply);
    if (this.#replies.size > REMEMBERED) this.#replies.delete(this.#replies.keys().next().value!);
  }

  /** What is settled, for the next owner. */
  settled(): [string, Reply][] {
    const all: [string, Reply][] = [];
    for (const [key, reply] of this.#replies ?? []) if (!(reply instanceof Promise)) all.push([key, reply]);
    return all;
  }
}
