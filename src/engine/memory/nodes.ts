import type { Clock } from "../../ports.ts";
import type { EngineSink, Entry, NodeLease } from "../contract.ts";

/** What one topic has to push at the end of this turn. The same arrays go to every watching node. */
interface Fresh {
  readonly name: string;
  readonly epoch: string;
  readonly entries: Entry[];
}

type Push = (sink: EngineSink) => void;

/** One started engine, as the store sees it. */
interface Port {
  readonly sink: EngineSink;
  readonly watched: Set<string>;
}

/** The nodes that share a store: their leases, what they watch, and what is on its way to them. */
export class Nodes {
  readonly #clock: Clock;
  readonly #ports = new Map<string, Port>();
  /** Monotonic time at which each lease lapses. */
  readonly #leases = new Map<string, number>();
  readonly #watchers = new Map<string, Set<string>>();
  #fresh = new Map<string, Fresh>();
  #pushes: { node: string; push: Push }[] = [];
  #armed = false;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(node: string, sink: EngineSink): void {
    if (this.#ports.has(node)) throw new Error(`node ${node} was started twice; an id serves one run only`);
    this.#ports.set(node, { sink, watched: new Set() });
  }

  /** Returns the topics nobody watches any more. */
  remove(node: string): string[] {
    const watched = this.#ports.get(node)?.watched ?? [];
    const unwatched = [...watched].filter((topic) => this.unwatch(node, topic));
    this.#ports.delete(node);
    return unwatched;
  }

  has(node: string): boolean {
    return this.#ports.has(node);
  }

  watch(node: string, topic: string): void {
    this.#ports.get(node)?.watched.add(topic);
    const watchers = this.#watchers.get(topic);
    if (watchers) watchers.add(node);
    else this.#watchers.set(topic, new Set([node]));
  }

  /** True when that was the last one watching. */
  unwatch(node: string, topic: string): boolean {
    this.#ports.get(node)?.watched.delete(topic);
    const watchers = this.#watchers.get(topic);
    if (!watchers?.delete(node) || watchers.size > 0) return false;
    this.#watchers.delete(topic);
    return true;
  }

  watched(): Iterable<string> {
    return this.#watchers.keys();
  }

  /** A new entry of a watched topic: goes out with all others of this turn. */
  entry(name: string, epoch: string, entry: Entry): void {
    const fresh = this.#fresh.get(name);
    if (fresh?.epoch === epoch) fresh.entries.push(entry);
    else this.#fresh.set(name, { name, epoch, entries: [entry] });
    this.#arm();
  }

  push(node: string, push: Push): void {
    this.#pushes.push({ node, push });
    this.#arm();
  }

  doubt(): void {
    this.#fresh = new Map();
    for (const node of this.#ports.keys()) this.push(node, (sink) => sink.doubt());
  }

  renew(node: string, ms: number): void {
    this.#leases.set(node, this.#clock.monotonic() + ms);
  }

  release(node: string): void {
    this.#leases.delete(node);
  }

  releaseAll(): void {
    this.#leases.clear();
  }

  /** `owners`: the nodes that own connections. */
  leases(owners: Iterable<string>): NodeLease[] {
    const now = this.#clock.monotonic();
    const remaining = new Map<string, number>();
    for (const node of owners) remaining.set(node, 0);
    for (const [node, until] of this.#leases) {
      if (until > now || remaining.has(node)) remaining.set(node, until - now);
      else this.#leases.delete(node);
    }
    return [...remaining].map(([node, left]) => ({ node, remaining: left }));
  }

  #arm(): void {
    if (this.#armed) return;
    this.#armed = true;
    this.#clock.defer(() => this.#flush());
  }

  #flush(): void {
    const fresh = this.#fresh;
    const pushes = this.#pushes;
    this.#fresh = new Map();
    this.#pushes = [];
    this.#armed = false;
    const failures: unknown[] = [];
    const deliver = (node: string, push: Push): void => {
      try {
        const port = this.#ports.get(node);
        if (port) push(port.sink);
      } catch (failure) {
        failures.push(failure);
      }
    };
    for (const { name, epoch, entries } of fresh.values()) {
      for (const node of this.#watchers.get(name) ?? []) {
        deliver(node, (sink) => sink.entries(name, epoch, entries));
      }
    }
    for (const { node, push } of pushes) deliver(node, push);
    // A sink must not throw. When one does, the other nodes have been served first.
    if (failures.length > 0) throw new Error("an engine sink threw", { cause: failures[0] });
  }
}
