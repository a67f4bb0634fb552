import { Redis } from "ioredis";
import type { Clock, Timer } from "../../ports.ts";
import { EngineFailure } from "../contract.ts";
import { HEARTBEAT } from "./commands.ts";
import { failureOf, isFinal, isRefusal, whyDown } from "./failures.ts";
import type { Connection } from "./options.ts";
import { INFO_SECTIONS, identityOf, parseInfo } from "./server-info.ts";

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
  #identity: string | null = null;

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
      if (this.#identity !== null) this.#lose("the connection for pushes was closed", false);
    });
    this.#redis.on("error", (error: Error) => {
      this.#lose(whyDown(error), isFinal(error));
    });
  }

  /** Of the server that everything wanted is subscribed at; null while it is not. */
  get identity(): string | null {
    return this.#identity;
  }

  /** `inbox` is wanted from the beginning. */
  connect(inbox: string): void {
    this.#wanted.set(inbox, { topic: null });
    this.#redis.connect().catch(() => undefined);
    this.#beat();
  }

  close(): void {
    this.#identity = null;
    this.#wanted.clear();
    this.#heartbeat?.cancel();
    this.#redis.disconnect();
  }

  /** Resolves once what is published arrives here. Of `add` and `remove` the one called last counts. */
  async add(channel: string, topic: string): Promise<void> {
    if (this.#identity === null)
      throw new EngineFailure("unavailable", "watch: the connection for pushes is not open");
    const known = this.#wanted.has(channel);
    const wish: Wish = { topic };
    this.#wanted.set(channel, wish);
    try {
      await this.#redis.ssubscribe(channel);
    } catch (error) {
      if (!known && this.#wanted.get(channel) === wish) this.#wanted.delete(channel);
      // Whoever may not hear this may not hear the rest, either: the next connection tells.
      if (isRefusal(error)) this.reconnect();
      throw failureOf(error, "watch", true);
    }
  }

  /** Nothing of it is told from now on, whatever Redis still sends. */
  remove(channel: string): void {
    if (!this.#wanted.delete(channel) || this.#redis.status !== "ready") return;
    // Where it fails the connection is lost, and the next one does not begin with it.
    this.#redis.sunsubscribe(channel).catch(() => undefined);
  }

  /** Maybe another server is found. */
  reconnect(): void {
    this.#redis.disconnect(true);
  }

  async #resume(): Promise<void> {
    const wanted = [...this.#wanted.keys()];
    this.#resuming = true;
    try {
      const identity = identityOf(parseInfo(await this.#redis.info(...INFO_SECTIONS)));
      for (let i = 0; i < wanted.length; i += AT_ONCE)
        await this.#redis.ssubscribe(...wanted.slice(i, i + AT_ONCE));
      if (this.#redis.status !== "ready") return;
      this.#identity = identity;
      this.#options.onUp();
    } catch (error) {
      // Tried again with the next connection; by the next heartbeat there is one.
      this.#lose(whyDown(error), isFinal(error));
    } finally {
      this.#resuming = false;
    }
  }

  #lose(reason: string, final: boolean): void {
    this.#identity = null;
    this.#options.onDown(reason, final);
  }

  #beat(): void {
    this.#heartbeat = this.#options.clock.after(HEARTBEAT, () => {
      this.#beat();
      if (this.#redis.status !== "ready" || this.#resuming) return;
      if (this.#identity === null) return this.reconnect();
      // A connection that nothing comes over any more looks like a quiet one.
      this.#redis.ping().catch(() => {
        if (this.#identity !== null) this.reconnect();
      });
    });
  }
}
