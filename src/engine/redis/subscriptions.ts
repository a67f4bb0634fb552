import { Redis } from "ioredis";
import type { Clock, Timer } from "../../ports.ts";
import { EngineFailure } from "../contract.ts";
import { HEARTBEAT } from "./commands.ts";
import { failureOf, isFinal, wordsOf } from "./failures.ts";
import type { Connection } from "./options.ts";

/** Channels in one SSUBSCRIBE, so that none of them keeps Redis for long. */
const AT_ONCE = 500;

export interface SubscriptionsOptions {
  readonly connection: Connection;
  readonly clock: Clock;
  /** Something published in a topic that is watched, or (null) for this node. */
  onMessage(topic: string | null, text: string): void;
  /** Everything wanted is subscribed, over a fresh connection. */
  onUp(): void;
  /** Not any more, or not yet: why. `final`: waiting alone does not help. */
  onDown(reason: string, final: boolean): void;
}

/** That a channel is wanted, and for what. */
interface Wish {
  readonly topic: string | null;
}

/** The connection that pushes come over. Shard channels: a cluster delivers them from the node that has the slot. */
export class Subscriptions {
  readonly #redis: Redis;
  readonly #options: SubscriptionsOptions;
  readonly #wanted = new Map<string, Wish>();
  #heartbeat: Timer | null = null;
  #resuming = false;
  #up = false;

  constructor(options: SubscriptionsOptions) {
    this.#options = options;
    this.#redis = new Redis(options.connection);
    this.#redis.on("smessage", (channel: string, text: string) => {
      const wish = this.#wanted.get(channel);
      if (wish) options.onMessage(wish.topic, text);
    });
    this.#redis.on("ready", () => void this.#resume());
    this.#redis.on("close", () => {
      // Otherwise there is a better reason already.
      if (this.#up) this.#lose("the connection for pushes was closed", false);
    });
    this.#redis.on("error", (error: Error) => {
      this.#lose(`Redis cannot be reached for pushes (${wordsOf(error)})`, isFinal(error));
    });
  }

  get up(): boolean {
    return this.#up;
  }

  /** `inbox` is wanted from the beginning. */
  connect(inbox: string): void {
    this.#wanted.set(inbox, { topic: null });
    this.#redis.connect().catch(() => undefined);
    this.#beat();
  }

  close(): void {
    this.#up = false;
    this.#wanted.clear();
    this.#heartbeat?.cancel();
    this.#redis.disconnect();
  }

  /** Resolves once what is published arrives here. Of `add` and `remove` the one called last counts. */
  async add(channel: string, topic: string): Promise<void> {
    if (!this.#up) throw new EngineFailure("unavailable", "watch: the connection for pushes is not open");
    const known = this.#wanted.has(channel);
    const wish: Wish = { topic };
    this.#wanted.set(channel, wish);
    try {
      await this.#redis.ssubscribe(channel);
    } catch (error) {
      if (!known && this.#wanted.get(channel) === wish) this.#wanted.delete(channel);
      throw failureOf(error, "watch", true);
    }
  }

  /** Nothing of it is told from now on, whatever Redis still sends. */
  remove(channel: string): void {
    if (!this.#wanted.delete(channel) || this.#redis.status !== "ready") return;
    // Where it fails the connection is lost, and the next one does not begin with it.
    this.#redis.sunsubscribe(channel).catch(() => undefined);
  }

  async #resume(): Promise<void> {
    const wanted = [...this.#wanted.keys()];
    this.#resuming = true;
    try {
      for (let i = 0; i < wanted.length; i += AT_ONCE)
        await this.#redis.ssubscribe(...wanted.slice(i, i + AT_ONCE));
      if (this.#redis.status !== "ready") return;
      this.#up = true;
      this.#options.onUp();
    } catch (error) {
      // Tried again with the next connection; by the next heartbeat there is one.
      this.#lose(failureOf(error, "subscribing", true).message, isFinal(error));
    } finally {
      this.#resuming = false;
    }
  }

  #lose(reason: string, final: boolean): void {
    this.#up = false;
    this.#options.onDown(reason, final);
  }

  #beat(): void {
    this.#heartbeat = this.#options.clock.after(HEARTBEAT, () => {
      this.#beat();
      if (this.#redis.status !== "ready" || this.#resuming) return;
      if (!this.#up) return this.#redis.disconnect(true);
      // A connection that nothing comes over any more looks like a quiet one.
      this.#redis.ping().catch(() => {
        if (this.#up) this.#redis.disconnect(true);
      });
    });
  }
}
