import type { Clock, Random } from "../../ports.ts";
import { DEFAULT_BOUNDS } from "../bounds.ts";
import { EngineFailure, type TopicBounds } from "../contract.ts";
import { Connections } from "./connections.ts";
import { Nodes } from "./nodes.ts";
import { Topic } from "./topic.ts";

export interface MemoryStoreOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** Default: 1,000 messages, 8 MiB, five minutes. */
  readonly bounds?: Partial<TopicBounds>;
}

const SWEEP_EVERY = 30_000;
/** Topics looked at in one turn of the event loop. */
const SWEEP_SLICE = 1_000;
/** How long the offsets of an unused topic are remembered: longer than any cursor lives. */
const TOPIC_MEMORY = 25 * 60 * 60_000;
/** With more topics than this the unused ones are forgotten sooner. That costs exact gap counts, nothing else. */
const MANY_TOPICS = 500_000;
const TOPIC_MEMORY_WHEN_MANY = 15 * 60_000;

/** What the nodes of one process (or one test) share: the part that Redis is in a cluster. */
export class MemoryStore {
  readonly clock: Clock;
  readonly #random: Random;
  readonly #bounds: TopicBounds;
  readonly nodes: Nodes;
  #connections = new Connections();
  #topics = new Map<string, Topic>();
  /** What a restart by `rewind` finds: at first nothing. */
  #saved: { readonly connections: Connections; readonly topics: ReadonlyMap<string, Topic> } = {
    connections: new Connections(),
    topics: new Map(),
  };
  #sweeping = false;
  #available = true;

  constructor(options: MemoryStoreOptions) {
    this.clock = options.clock;
    this.#random = options.random;
    this.#bounds = { ...DEFAULT_BOUNDS, ...options.bounds };
    this.nodes = new Nodes(options.clock);
  }

  get available(): boolean {
    return this.#available;
  }

  get connections(): Connections {
    return this.#connections;
  }

  /** Topics remembered, idle ones included. */
  get size(): number {
    return this.#topics.size;
  }

  /** Every operation begins here: refused while there is an outage. */
  enter(): number {
    if (!this.#available) throw new EngineFailure("unavailable", "the store is out of order");
    return this.clock.monotonic();
  }

  topic(name: string): Topic {
    const known = this.#topics.get(name);
    if (known) return known;
    const topic = new Topic(this.#epoch(), this.#bounds);
    this.#topics.set(name, topic);
    this.#sweepLater();
    return topic;
  }

  /** Without making one. */
  known(name: string): Topic | undefined {
    return this.#topics.get(name);
  }

  watch(node: string, name: string): void {
    this.nodes.watch(node, name);
    this.#tap(name);
  }

  unwatch(node: string, name: string): void {
    if (this.nodes.unwatch(node, name)) this.#untap(name);
  }

  leave(node: string): void {
    for (const name of this.nodes.remove(node)) this.#untap(name);
  }

  /** A restart with an empty store: records, logs, leases and lines are gone, every topic gets a new epoch. */
  clear(): void {
    this.#restart(new Map(), new Connections());
  }

  /** Keeps what there is for `rewind`. */
  save(): void {
    const connections = this.#connections.copy();
    this.#saved = { connections, topics: this.#anew(this.#topics) };
  }

  /** A restart with what was saved last: records as they were then, topics under new epochs, with nobody in them. */
  rewind(): void {
    const { connections, topics } = this.#saved;
    this.#restart(this.#anew(topics), connections.copy());
  }

  #anew(topics: ReadonlyMap<string, Topic>): Map<string, Topic> {
    const now = this.clock.monotonic();
    const all = new Map<string, Topic>();
    for (const [name, topic] of topics) all.set(name, topic.anew(this.#epoch(), this.#bounds, now));
    return all;
  }

  #restart(topics: Map<string, Topic>, connections: Connections): void {
    this.#topics = topics;
    this.#connections = connections;
    this.nodes.releaseAll();
    for (const name of this.nodes.watched()) this.#tap(name);
    this.nodes.doubt();
  }

  /** From now on every operation is `unavailable` and nothing is pushed for it. */
  fail(): void {
    this.#available = false;
  }

  /** The outage is over; nodes are told that they may have missed something. */
  recover(): void {
    if (this.#available) return;
    this.#available = true;
    this.nodes.doubt();
  }

  #tap(name: string): void {
    const topic = this.topic(name);
    const { epoch } = topic.log;
    topic.onEntry = (_, entry) => this.nodes.entry(name, epoch, entry);
  }

  #untap(name: string): void {
    const topic = this.#topics.get(name);
    if (topic) topic.onEntry = null;
  }

  #epoch(): string {
    return Buffer.from(this.#random.bytes(8)).toString("hex");
  }

  /** One timer for everything, and none while there is nothing to forget. */
  #sweepLater(): void {
    if (this.#sweeping) return;
    this.#sweeping = true;
    this.clock.after(SWEEP_EVERY, () => this.#sweepSlice(this.#topics, this.#topics.entries()));
  }

  #sweepSlice(topics: Map<string, Topic>, rest: MapIterator<[string, Topic]>): void {
    const now = this.clock.monotonic();
    const patience = topics.size > MANY_TOPICS ? TOPIC_MEMORY_WHEN_MANY : TOPIC_MEMORY;
    for (let looked = 0; looked < SWEEP_SLICE; looked++) {
      const next = rest.next();
      if (next.done) {
        this.#sweeping = false;
        if (this.#topics.size > 0) this.#sweepLater();
        return;
      }
      const [name, topic] = next.value;
      if (topic.expire(now, patience)) topics.delete(name);
    }
    this.clock.defer(() => this.#sweepSlice(topics, rest));
  }
}
