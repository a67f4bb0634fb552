import { DEFAULT_BOUNDS } from "../bounds.ts";
import {
  type Append,
  type Appended,
  type Claim,
  type ConnectionState,
  type Engine,
  EngineFailure,
  type EngineSink,
  type Hold,
  type Join,
  type Joined,
  type Leave,
  type Left,
  type Member,
  type NodeLease,
  type Position,
  type Reading,
  type TopicBounds,
} from "../contract.ts";
import { Commands } from "./commands.ts";
import { Keys } from "./keys.ts";
import {
  addressText,
  type Connection,
  connectionOptions,
  DEFAULT_NAMESPACE,
  DEFAULT_START_TIMEOUT,
  type RedisEngineOptions,
} from "./options.ts";
import { Owned } from "./owned.ts";
import { Pushes } from "./pushes.ts";
import { Records } from "./records.ts";
import { formatNote, noteOf, pushOf } from "./replies.ts";
import { ownParts, type Parts } from "./scripts.ts";
import { Subscriptions } from "./subscriptions.ts";
import { Topics } from "./topics.ts";

/**
 * One node's engine on a Redis (7 or later) or Valkey server. Nothing is opened before `start`.
 *
 * `start` waits for the server a while and then goes on without it: everything is `unavailable` until it answers. It fails
 * where waiting would not help: refused password, missing permission, a server that is too old or a replica.
 *
 * @throws {Error} when the address or the namespace is refused
 */
export function redisEngine(options: RedisEngineOptions): Engine {
  return redisEngineWith(options, ownParts);
}

/** `parts`: what the scripts are made of, so that a test can hand in a clock of its own. */
export function redisEngineWith(options: RedisEngineOptions, parts: Parts): Engine {
  return new RedisEngine(options, parts);
}

/** Everything that exists from `start` to `stop`. */
interface Run {
  readonly node: string;
  readonly commands: Commands;
  readonly subscriptions: Subscriptions;
  readonly pushes: Pushes;
  readonly topics: Topics;
  readonly records: Records;
  readonly owned: Owned;
}

class RedisEngine implements Engine {
  readonly #options: RedisEngineOptions;
  readonly #parts: Parts;
  readonly #connection: Connection;
  readonly #keys: Keys;
  readonly #bounds: TopicBounds;
  #run: Run | null = null;
  /** Told once, by whatever settles the start first. */
  #settle: ((failure?: EngineFailure) => void) | null = null;
  #wasUp = false;
  /** Why it is not usable: what has been logged since it was. */
  readonly #reasons = new Set<string>();

  constructor(options: RedisEngineOptions, parts: Parts) {
    this.#options = options;
    this.#parts = parts;
    this.#connection = connectionOptions(options);
    this.#keys = new Keys(options.namespace ?? DEFAULT_NAMESPACE);
    this.#bounds = { ...DEFAULT_BOUNDS, ...options.bounds };
  }

  async start(node: string, sink: EngineSink): Promise<void> {
    if (this.#run !== null) throw new Error("the engine has been started before");
    const run = this.#open(node, sink);
    this.#run = run;
    const { clock, startTimeout = DEFAULT_START_TIMEOUT } = this.#options;
    const settled = new Promise<void>((resolve, reject) => {
      const timer = clock.after(startTimeout, () => this.#settle?.());
      this.#settle = (failure) => {
        this.#settle = null;
        timer.cancel();
        if (failure) reject(failure);
        else resolve();
      };
    });
    run.commands.connect();
    run.subscriptions.connect(this.#keys.node(node).inbox);
    try {
      await settled;
    } catch (failure) {
      await this.stop();
      throw failure;
    }
  }

  async stop(): Promise<void> {
    const run = this.#run;
    this.#run = null;
    if (run === null) return;
    this.#wasUp = false;
    this.#reasons.clear();
    this.#settle?.();
    run.pushes.stop();
    run.subscriptions.close();
    run.commands.close();
  }

  async ready(): Promise<boolean> {
    return this.#run !== null && isWhole(this.#run) && this.#run.commands.ready();
  }

  async renewLease(ms: number): Promise<void> {
    const { owned, pushes } = this.#started();
    if (!(await owned.renew(ms))) pushes.push((sink) => sink.doubt());
  }

  async releaseLease(): Promise<void> {
    await this.#started().owned.release();
  }

  async nodes(): Promise<readonly NodeLease[]> {
    return this.#started().owned.nodes();
  }

  async send(node: string, text: string): Promise<void> {
    const run = this.#started();
    const { inbox } = this.#keys.node(node);
    const listeners = await run.commands.command("send", false, (redis) =>
      redis.spublish(inbox, formatNote([1, "message", run.node, text])),
    );
    if (listeners === 0) throw new EngineFailure("unavailable", `node ${node} does not listen`);
  }

  async createConnection(id: string, fields: Record<string, string>): Promise<void> {
    await this.#started().records.create(id, fields);
  }

  async restoreConnection(id: string, fence: number, fields: Record<string, string>): Promise<void> {
    await this.#started().records.restore(id, fence, fields);
  }

  async readConnection(id: string): Promise<ConnectionState | null> {
    return this.#started().records.read(id);
  }

  async claimConnection(id: string, expect: number, fields: Record<string, string>): Promise<Claim> {
    return this.#started().records.claim(id, expect, fields);
  }

  async writeConnection(
    id: string,
    fence: number,
    fields: Record<string, string | null>,
    act: number,
  ): Promise<void> {
    await this.#started().records.write(id, fence, fields, act);
  }

  async removeConnection(id: string, fence: number): Promise<void> {
    await this.#started().records.remove(id, fence);
  }

  async ownedConnections(node: string, after: string | null, limit: number): Promise<readonly string[]> {
    return this.#started().owned.page(node, after, limit);
  }

  async append(topic: string, entry: Append): Promise<Appended> {
    return this.#started().topics.append(topic, entry);
  }

  async position(topic: string): Promise<Position> {
    return this.#started().topics.position(topic);
  }

  async read(topic: string, after: Position, limit: number): Promise<Reading> {
    return this.#started().topics.read(topic, after, limit);
  }

  async watch(topic: string): Promise<void> {
    await this.#started().subscriptions.add(this.#keys.channel(topic), topic);
  }

  async unwatch(topic: string): Promise<void> {
    const { subscriptions, pushes } = this.#started();
    pushes.drop(topic);
    subscriptions.remove(this.#keys.channel(topic));
  }

  async join(topic: string, join: Join): Promise<Joined> {
    return this.#started().topics.join(topic, join);
  }

  async leave(topic: string, leave: Leave): Promise<Left> {
    return this.#started().topics.leave(topic, leave);
  }

  async updateMember(topic: string, id: string, fence: number, info: string, act: number): Promise<void> {
    await this.#started().topics.updateMember(topic, id, fence, info, act);
  }

  async members(
    topic: string,
    after: string | null,
    limit: number,
  ): Promise<{ members: readonly Member[]; total: number }> {
    return this.#started().topics.members(topic, after, limit);
  }

  async holdLine(topic: string, hold: Hold): Promise<"held" | "refused"> {
    return this.#started().topics.hold(topic, hold);
  }

  async releaseLine(topic: string, holder: string, fence: number, act: number): Promise<void> {
    await this.#started().topics.release(topic, holder, fence, act);
  }

  async lineHolder(topic: string): Promise<string | null> {
    return this.#started().topics.lineHolder(topic);
  }

  #started(): Run {
    if (this.#run === null)
      throw new EngineFailure("unavailable", "the engine is not started, or has been stopped");
    return this.#run;
  }

  #open(node: string, sink: EngineSink): Run {
    const { clock, log, random } = this.#options;
    const connection = this.#connection;
    const onUp = (): void => this.#up();
    const onDown = (reason: string, final: boolean): void => this.#down(reason, final);
    const commands = new Commands({
      connection,
      keys: this.#keys,
      parts: this.#parts,
      clock,
      log,
      onUp,
      onDown,
      onBeat: () => {
        void owned.tidy();
        const { identity } = subscriptions;
        if (identity !== null && identity !== commands.server) subscriptions.reconnect();
      },
    });
    const pushes = new Pushes(clock, sink);
    const subscriptions = new Subscriptions({
      connection,
      clock,
      onMessage: (topic, text) => receive(pushes, topic, text),
      onUp,
      onDown,
    });
    const owned = new Owned(node, commands, this.#keys, clock);
    const records = new Records(node, commands, this.#keys, owned);
    const topics = new Topics(commands, this.#keys, this.#bounds, random);
    return { node, commands, subscriptions, pushes, topics, records, owned };
  }

  /** One of the connections is usable; whatever came over them before may have had holes. */
  #up(): void {
    const run = this.#run;
    if (run === null || !isWhole(run)) return;
    run.owned.reset();
    this.#reasons.clear();
    if (this.#wasUp) {
      this.#options.log.info({ redis: addressText(this.#connection) }, "Redis is usable again");
      run.pushes.push((sink) => sink.doubt());
    }
    this.#wasUp = true;
    this.#settle?.();
  }

  #down(reason: string, final: boolean): void {
    const run = this.#run;
    if (run === null) return;
    if (final) this.#settle?.(new EngineFailure("unavailable", this.#explain(reason)));
    // Each attempt to connect fails in the same words.
    if (this.#run === null || this.#reasons.has(reason)) return;
    this.#reasons.add(reason);
    this.#options.log.warn({ redis: addressText(this.#connection) }, `not ready: ${reason}`);
  }

  #explain(reason: string): string {
    return `Redis at ${addressText(this.#connection)}: ${reason}`;
  }
}

/** After a failover the one connection may have found the new master, and the other not yet: nothing would be pushed. */
function isWhole({ commands, subscriptions }: Run): boolean {
  return commands.server !== null && commands.server === subscriptions.identity;
}

/** What another version may have sent is left out: a hole in the offsets tells, and a message is asked for again. */
function receive(pushes: Pushes, topic: string | null, text: string): void {
  if (topic !== null) {
    const pushed = pushOf(text);
    if (pushed) pushes.entry(topic, pushed.epoch, pushed.entry);
    return;
  }
  const note = noteOf(text);
  if (note === null) return;
  const [, kind, subject, content] = note;
  if (kind === "claimed") pushes.push((sink) => sink.claimed(subject, content));
  else pushes.push((sink) => sink.message(subject, content));
}
