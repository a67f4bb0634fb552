import type { Clock } from "../../ports.ts";
import type { EngineSink, Entry } from "../contract.ts";

interface Fresh {
  readonly topic: string;
  readonly epoch: string;
  readonly entries: Entry[];
}

/** What Redis has pushed to this node: goes to its sink when the turn is over, entries of one topic in one call. */
export class Pushes {
  readonly #clock: Clock;
  #sink: EngineSink | null;
  #fresh = new Map<string, Fresh>();
  #others: ((sink: EngineSink) => void)[] = [];
  #armed = false;

  constructor(clock: Clock, sink: EngineSink) {
    this.#clock = clock;
    this.#sink = sink;
  }

  entry(topic: string, epoch: string, entry: Entry): void {
    const fresh = this.#fresh.get(topic);
    if (fresh?.epoch === epoch) fresh.entries.push(entry);
    else this.#fresh.set(topic, { topic, epoch, entries: [entry] });
    this.#arm();
  }

  push(push: (sink: EngineSink) => void): void {
    this.#others.push(push);
    this.#arm();
  }

  /** Of a topic that is no longer watched. */
  drop(topic: string): void {
    this.#fresh.delete(topic);
  }

  stop(): void {
    this.#sink = null;
  }

  #arm(): void {
    if (this.#armed) return;
    this.#armed = true;
    this.#clock.defer(() => this.#flush());
  }

  #flush(): void {
    const [fresh, others] = [this.#fresh, this.#others];
    this.#fresh = new Map();
    this.#others = [];
    this.#armed = false;
    const failures: unknown[] = [];
    const deliver = (push: (sink: EngineSink) => void): void => {
      try {
        if (this.#sink) push(this.#sink);
      } catch (failure) {
        failures.push(failure);
      }
    };
    for (const { topic, epoch, entries } of fresh.values())
      deliver((sink) => sink.entries(topic, epoch, entries));
    for (const push of others) deliver(push);
    // A sink must not throw. When one does, it has been handed everything first.
    if (failures.length > 0) throw new Error("an engine sink threw", { cause: failures[0] });
  }
}
