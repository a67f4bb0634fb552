import { Redis } from "ioredis";
import type { Clock, Log, Timer } from "../../ports.ts";
import { EngineFailure } from "../contract.ts";
import { failureOf, isFinal, isRefusal, isReply, isSuspicious, malformed, whyDown } from "./failures.ts";
import type { Keys } from "./keys.ts";
import type { Connection } from "./options.ts";
import {
  declarationOf,
  type Parts,
  SCRIPTS,
  type ScriptArgs,
  type ScriptKeys,
  type ScriptName,
  type ScriptReply,
  scriptNames,
  scriptText,
} from "./scripts.ts";
import { INFO_SECTIONS, identityOf, parseInfo, type ServerInfo, unfit, unready } from "./server-info.ts";

/** How often (milliseconds) a connection is tried, and the server asked who it is. */
export const HEARTBEAT = 5_000;

type Run = (...args: (string | number)[]) => Promise<unknown>;

export interface CommandsOptions {
  readonly connection: Connection;
  readonly keys: Keys;
  readonly parts: Parts;
  readonly clock: Clock;
  readonly log: Log;
  /** Usable: over a fresh connection, or with another server behind it than before. */
  onUp(): void;
  /** Not usable any more, or not yet: why. `final`: waiting alone does not help. */
  onDown(reason: string, final: boolean): void;
  /** At each heartbeat while it is usable. */
  onBeat(): void;
}

/** The connection that commands go over. Usable only while it is known which server is at its other end. */
export class Commands {
  readonly #redis: Redis;
  readonly #options: CommandsOptions;
  readonly #run = new Map<ScriptName, Run>();
  #identity: string | null = null;
  #reason = "the connection to Redis is not open yet";
  #heartbeat: Timer | null = null;
  #looking: Promise<void> | null = null;
  /** Goes up with each connection: what was learned over an older one does not count. */
  #generation = 0;
  /** The server has refused what it granted before: a look tries it out again. */
  #refused = false;
  /** The connection that was given up last. */
  #abandoned = 0;

  constructor(options: CommandsOptions) {
    this.#options = options;
    this.#redis = new Redis(options.connection);
    for (const name of scriptNames) {
      const command = `actionwire:${name}`;
      const numberOfKeys = declarationOf(name).keys.length;
      this.#redis.defineCommand(command, { numberOfKeys, lua: scriptText(name, options.parts) });
      this.#run.set(name, (Reflect.get(this.#redis, command) as Run).bind(this.#redis));
    }
    this.#redis.on("ready", () => {
      this.#generation += 1;
      void this.#look();
    });
    this.#redis.on("close", () => {
      // Otherwise there is a better reason already.
      if (this.#identity !== null) this.#lose("the connection to Redis was closed", false);
    });
    this.#redis.on("error", (error: Error) => this.#lose(whyDown(error), isFinal(error)));
  }

  connect(): void {
    // What comes of it is told by the events, also when it succeeds at the tenth attempt.
    this.#redis.connect().catch(() => undefined);
    this.#beat();
  }

  close(): void {
    this.#heartbeat?.cancel();
    this.#identity = null;
    this.#redis.disconnect();
  }

  /** Identity of the server, which the scripts of a topic are handed. */
  get identity(): string {
    if (this.#identity === null) throw new EngineFailure("unavailable", this.#reason);
    return this.#identity;
  }

  /** The same, or null while this connection is not usable. */
  get server(): string | null {
    return this.#identity;
  }

  /**
   * Runs one script; keys and arguments by name, `fields` behind them. What is asked in one turn of the event loop is
   * written, and done, in that order.
   */
  script<S extends ScriptName>(
    name: S,
    keys: ScriptKeys<S>,
    args: ScriptArgs<S>,
    fields: readonly string[] = [],
  ): Promise<ScriptReply<S>> {
    const { reads = false } = declarationOf(name);
    return this.command(name, reads, () => this.#script(name, keys, args, fields));
  }

  /** Runs a command that needs no script; `reads`: it changes nothing. */
  async command<T>(name: string, reads: boolean, run: (redis: Redis) => Promise<T>): Promise<T> {
    if (this.#identity === null) throw new EngineFailure("unavailable", `${name}: ${this.#reason}`);
    try {
      return await run(this.#redis);
    } catch (error) {
      if (isRefusal(error)) this.#refused = true;
      if (this.#refused || isSuspicious(error)) void this.#look();
      throw failureOf(error, name, reads);
    }
  }

  /** Answers, and may be given something to store. */
  async ready(): Promise<boolean> {
    if (this.#identity === null) return false;
    try {
      return unready(await this.#info()) === null;
    } catch {
      return false;
    }
  }

  async #script<S extends ScriptName>(
    name: S,
    keys: ScriptKeys<S>,
    args: ScriptArgs<S>,
    fields: readonly string[],
  ): Promise<ScriptReply<S>> {
    const { keys: keyNames, args: argNames, reads = false } = declarationOf(name);
    const list: (string | number)[] = [];
    for (const key of keyNames) list.push((keys as Readonly<Record<string, string>>)[key]!);
    for (const arg of argNames) list.push((args as Readonly<Record<string, string | number>>)[arg]!);
    const reply = await this.#run.get(name)!(...list, ...fields);
    const parsed = SCRIPTS[name].reply.safeParse(reply);
    if (!parsed.success) throw malformed(name, reads);
    return parsed.data as ScriptReply<S>;
  }

  #info(): Promise<ServerInfo> {
    return this.#redis.info(...INFO_SECTIONS).then(parseInfo);
  }

  /** Looks who is at the other end; one look at a time. */
  #look(): Promise<void> {
    this.#looking ??= this.#lookOnce().finally(() => {
      this.#looking = null;
    });
    return this.#looking;
  }

  async #lookOnce(): Promise<void> {
    const generation = this.#generation;
    try {
      const info = await this.#info();
      const reason = unfit(info);
      if (reason === null && (this.#identity === null || this.#refused)) await this.#probe();
      if (generation !== this.#generation || this.#redis.status !== "ready") return;
      if (reason !== null) return this.#lose(reason, true);
      const identity = identityOf(info);
      if (identity === this.#identity) return;
      const unwilling = unready(info);
      if (unwilling !== null) this.#options.log.warn({}, `not ready: ${unwilling}`);
      this.#identity = identity;
      this.#options.onUp();
    } catch (error) {
      if (generation !== this.#generation) return;
      if (isReply(error)) return this.#lose(whyDown(error), isFinal(error));
      // No answer, or nothing that could be one: whatever is there, another connection may find something better.
      this.#lose("Redis does not answer", false);
      this.#reconnect();
    }
  }

  async #probe(): Promise<void> {
    const { probe, samples } = this.#options.keys;
    const [keys, channels] = [JSON.stringify(samples.keys), JSON.stringify(samples.channels)];
    this.#refused = false;
    await this.#script("probe", probe, { keys, channels }, []);
  }

  /** Once for each connection: one that has hung counts as ready until it is closed for good. */
  #reconnect(): void {
    if (this.#redis.status !== "ready" || this.#abandoned === this.#generation) return;
    this.#abandoned = this.#generation;
    this.#redis.disconnect(true);
  }

  #lose(reason: string, final: boolean): void {
    this.#identity = null;
    this.#reason = reason;
    this.#options.onDown(reason, final);
  }

  #beat(): void {
    this.#heartbeat = this.#options.clock.after(HEARTBEAT, () => {
      this.#beat();
      if (this.#redis.status !== "ready") return;
      // A server that was unfit: what stands behind its name may be another one by now.
      if (this.#identity === null && this.#looking === null) return this.#reconnect();
      void this.#look();
      if (this.#identity !== null) this.#options.onBeat();
    });
  }
}
