import type { Engine } from "../engine/contract.ts";
import { insist } from "../engine/insist.ts";
import type { Clock } from "../ports.ts";

/** Milliseconds for which the list of live nodes is believed. */
const AGE = 500;

/** Which nodes hold a lease, read now and then. */
export class LiveNodes {
  readonly #engine: Engine;
  readonly #clock: Clock;
  #list: { at: number; nodes: Set<string> } | null = null;
  /** Nodes that the list was once read for. */
  readonly #known = new Set<string>();

  constructor(engine: Engine, clock: Clock) {
    this.#engine = engine;
    this.#clock = clock;
  }

  async has(node: string): Promise<boolean> {
    const now = this.#clock.monotonic();
    // One that is not known may have come since.
    if (!this.#list || now - this.#list.at > AGE || !this.#known.has(node)) {
      const leases = await insist(this.#clock, () => this.#engine.nodes());
      this.#list = { at: now, nodes: new Set(leases.filter((l) => l.remaining > 0).map((l) => l.node)) };
      for (const one of [node, ...this.#list.nodes]) this.#known.add(one);
    }
    return this.#list.nodes.has(node);
  }

  /** The list is wrong about one. */
  doubt(): void {
    this.#list = null;
  }
}
