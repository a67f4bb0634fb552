import type { Engine, Position } from "../../src/engine/contract.ts";
import { type MemoryStore, memoryEngine } from "../../src/engine/index.ts";
import type { History } from "./history.ts";

/**
 * Writes down what the store did, from within it: entries from a watcher of its own that no fault touches, joins and leaves as
 * they take effect.
 */
export class Ledger {
  readonly #history: History;
  readonly #watcher: Engine;
  readonly #watched = new Set<string>();
  /** Open memberships: what is joined again was only repeated. */
  readonly #inside = new Set<string>();
  /** Those of them that the store has lost. */
  readonly #lost = new Set<string>();

  constructor(store: MemoryStore, history: History) {
    this.#history = history;
    this.#watcher = memoryEngine(store);
  }

  async start(): Promise<void> {
    await this.#watcher.start("ledger", {
      entries: (topic, epoch, entries) => {
        for (const { offset, kind, from, payload } of entries) {
          const told = JSON.parse(payload) as Record<string, unknown>;
          this.#history.add({ kind: "stored", topic, epoch, offset, entry: kind, from, payload: told });
        }
      },
      claimed: () => {},
      message: () => {},
      doubt: () => {},
    });
  }

  /** The engine of one node, as close to the store as can be. */
  engine(store: MemoryStore): Engine {
    const inner = memoryEngine(store);
    return {
      ...bound(inner),
      append: (topic, entry) => {
        this.#watch(topic);
        return inner.append(topic, entry);
      },
      join: async (topic, join) => {
        this.#watch(topic);
        const joined = await inner.join(topic, join);
        const key = `${topic} ${join.id}`;
        if (!joined.repeat) {
          const again = this.#lost.delete(key);
          if (this.#inside.has(key) && !again)
            this.#history.add({ kind: "error", what: `${join.id} joined ${topic} twice` });
          this.#inside.add(key);
          this.#move(again ? "rejoined" : "joined", topic, join.id, joined.position);
        }
        return joined;
      },
      leave: async (topic, leave) => {
        this.#watch(topic);
        const left = await inner.leave(topic, leave);
        const key = `${topic} ${leave.id}`;
        if (left.position && !left.repeat) this.#move("left", topic, leave.id, left.position);
        // What the store has lost ends where the new log begins, and nobody hears of it.
        else if (!left.position && this.#lost.has(key))
          this.#move("faded", topic, leave.id, { epoch: "", offset: 0, count: 0 });
        if (!left.repeat) {
          this.#inside.delete(key);
          this.#lost.delete(key);
        }
        return left;
      },
    };
  }

  /** The store is about to lose everything. */
  emptied(): void {
    for (const key of this.#inside) this.#lost.add(key);
    this.#history.add({ kind: "emptied" });
  }

  async members(room: string): Promise<string[]> {
    const { members } = await this.#watcher.members(`room:${room}`, null, 1000);
    return members.map((member) => member.id);
  }

  #move(
    kind: "joined" | "rejoined" | "left" | "faded",
    topic: string,
    connection: string,
    { epoch, offset }: Position,
  ): void {
    if (topic.startsWith("room:")) this.#history.add({ kind, topic, connection, epoch, offset });
  }

  #watch(topic: string): void {
    if (this.#watched.has(topic)) return;
    this.#watched.add(topic);
    // While the store is out of order nothing is stored either.
    this.#watcher.watch(topic).catch(() => this.#watched.delete(topic));
  }
}

/** Methods keep their object when they are spread. */
function bound(inner: Engine): Engine {
  const all: Record<string, unknown> = {};
  for (const name of methods(inner)) {
    const method: unknown = Reflect.get(inner, name);
    if (typeof method === "function") all[name] = method.bind(inner);
  }
  return all as unknown as Engine;
}

function methods(object: object): Set<string> {
  const names = new Set<string>();
  for (
    let at: object | null = object;
    at !== null && at !== Object.prototype;
    at = Object.getPrototypeOf(at)
  ) {
    for (const name of Object.getOwnPropertyNames(at)) if (name !== "constructor") names.add(name);
  }
  return names;
}
