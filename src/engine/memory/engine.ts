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
} from "../contract.ts";
import type { MemoryStore } from "./store.ts";

/** One node's engine over a store in this process. Several may share one store. */
export function memoryEngine(store: MemoryStore): Engine {
  return new MemoryEngine(store);
}

/** Every method is `async` only so that what it throws rejects: each takes effect at once and whole. */
class MemoryEngine implements Engine {
  readonly #store: MemoryStore;
  #node: string | null = null;

  constructor(store: MemoryStore) {
    this.#store = store;
  }

  async start(node: string, sink: EngineSink): Promise<void> {
    if (this.#node !== null) throw new Error("the engine has been started before");
    this.#store.nodes.add(node, sink);
    this.#node = node;
  }

  async stop(): Promise<void> {
    if (this.#node !== null) this.#store.leave(this.#node);
    this.#node = null;
  }

  async ready(): Promise<boolean> {
    return this.#node !== null && this.#store.available;
  }

  async renewLease(ms: number): Promise<void> {
    this.#enter();
    this.#store.nodes.renew(this.#self(), ms);
  }

  async releaseLease(): Promise<void> {
    this.#enter();
    this.#store.nodes.release(this.#self());
  }

  async nodes(): Promise<readonly NodeLease[]> {
    this.#enter();
    return this.#store.nodes.leases(this.#store.connections.owners());
  }

  async send(node: string, text: string): Promise<void> {
    this.#enter();
    const from = this.#self();
    if (!this.#store.nodes.has(node)) throw new EngineFailure("unavailable", `node ${node} does not listen`);
    this.#store.nodes.push(node, (sink) => sink.message(from, text));
  }

  async createConnection(id: string, fields: Record<string, string>): Promise<void> {
    this.#enter();
    this.#store.connections.create(id, this.#self(), fields);
  }

  async restoreConnection(id: string, fence: number, fields: Record<string, string>): Promise<void> {
    this.#enter();
    this.#store.connections.restore(id, fence, this.#self(), fields);
  }

  async readConnection(id: string): Promise<ConnectionState | null> {
    this.#enter();
    return this.#store.connections.read(id);
  }

  async claimConnection(id: string, expect: number, fields: Record<string, string>): Promise<Claim> {
    this.#enter();
    const { claim, from } = this.#store.connections.claim(id, expect, this.#self(), fields);
    if (from !== null) this.#store.nodes.push(from, (sink) => sink.claimed(id, expect + 1));
    return claim;
  }

  async writeConnection(
    id: string,
    fence: number,
    fields: Record<string, string | null>,
    act: number,
  ): Promise<void> {
    this.#enter();
    this.#store.connections.write(id, fence, fields, act);
  }

  async removeConnection(id: string, fence: number): Promise<void> {
    const now = this.#enter();
    this.#store.connections.remove(id, fence, now);
  }

  async ownedConnections(node: string, after: string | null, limit: number): Promise<readonly string[]> {
    this.#enter();
    return this.#store.connections.owned(node, after, limit);
  }

  async append(topic: string, entry: Append): Promise<Appended> {
    const now = this.#enter();
    return this.#store.topic(topic).append(entry, now);
  }

  async position(topic: string): Promise<Position> {
    const now = this.#enter();
    return this.#store.topic(topic).position(now);
  }

  async read(topic: string, after: Position, limit: number): Promise<Reading> {
    const now = this.#enter();
    return this.#store.topic(topic).read(after, limit, now);
  }

  async watch(topic: string): Promise<void> {
    this.#enter();
    this.#store.watch(this.#self(), topic);
  }

  async unwatch(topic: string): Promise<void> {
    this.#enter();
    this.#store.unwatch(this.#self(), topic);
  }

  async join(topic: string, join: Join): Promise<Joined> {
    const now = this.#enter();
    return this.#store.topic(topic).join(join, now);
  }

  async leave(topic: string, leave: Leave): Promise<Left> {
    const now = this.#enter();
    return this.#store.topic(topic).leave(leave, now);
  }

  async updateMember(topic: string, id: string, fence: number, info: string, act: number): Promise<void> {
    const now = this.#enter();
    this.#store.topic(topic).updateMember(id, fence, info, act, now);
  }

  async members(
    topic: string,
    after: string | null,
    limit: number,
  ): Promise<{ members: readonly Member[]; total: number }> {
    this.#enter();
    return this.#store.known(topic)?.members(after, limit) ?? { members: [], total: 0 };
  }

  async holdLine(topic: string, hold: Hold): Promise<"held" | "refused"> {
    const now = this.#enter();
    return this.#store.topic(topic).hold(hold, now) ? "held" : "refused";
  }

  async releaseLine(topic: string, holder: string, fence: number, act: number): Promise<void> {
    const now = this.#enter();
    this.#store.topic(topic).release(holder, fence, act, now);
  }

  async lineHolder(topic: string): Promise<string | null> {
    this.#enter();
    return this.#store.known(topic)?.lineHolder ?? null;
  }

  #enter(): number {
    this.#self();
    return this.#store.enter();
  }

  #self(): string {
    if (this.#node === null)
      throw new EngineFailure("unavailable", "the engine is not started, or has been stopped");
    return this.#node;
  }
}
