import { hash } from "node:crypto";
import type { PublishMessage, Reply } from "../bayeux/index.ts";

/** Publishes remembered for each session (BAYEUX 3.7). */
const REMEMBERED = 256;

/**
 * Stock clients repeat a publish, with id and body, until it is answered. What was done is answered again and not
 * done again. The body counts too: a client may start its ids again in the same session.
 */
export class Retransmissions {
  readonly #replies = new Map<string, { promise: Promise<Reply>; settled: Reply | null }>();

  /** Null for a publish that cannot be recognised. `scope`: within which ids are not used twice. */
  static key(message: PublishMessage, scope = ""): string | null {
    if (message.id === undefined) return null;
    const body = JSON.stringify([
      message.id,
      message.channel,
      message.data,
      ...(scope === "" ? [] : [scope]),
    ]);
    return body.length < 128 ? body : hash("sha1", body, "base64url");
  }

  find(key: string): Promise<Reply> | undefined {
    return this.#replies.get(key)?.promise;
  }

  /** Remembers what comes of it; what fails is forgotten, so that a repeat tries again. */
  remember(key: string, promise: Promise<Reply>): void {
    const entry: { promise: Promise<Reply>; settled: Reply | null } = { promise, settled: null };
    this.#replies.set(key, entry);
    promise.then(
      (reply) => {
        entry.settled = reply;
      },
      () => this.#replies.delete(key),
    );
    if (this.#replies.size > REMEMBERED) {
      const oldest = this.#replies.keys().next();
      if (!oldest.done) this.#replies.delete(oldest.value);
    }
  }

  /** What is settled, for the next owner. */
  settled(): [string, Reply][] {
    const all: [string, Reply][] = [];
    for (const [key, { settled }] of this.#replies) if (settled) all.push([key, settled]);
    return all;
  }
}
