import type { Clock, Random } from "../ports.ts";
import { type Engine, EngineFailure, type EngineSink } from "./contract.ts";
import { intercept, type Operation } from "./intercept.ts";

export { withoutDeduplication, withoutFences, withoutGaps } from "./planted.ts";

/** Least and most, milliseconds; anything in between is equally likely. */
export type Span = readonly [least: number, most: number];

/** What may happen to something on its way to this node. Different delays are what makes things overtake each other. */
export interface WayFaults {
  readonly lose: number;
  readonly repeat: number;
  readonly delay: Span;
}

/** Chances are between 0 and 1; those of one operation (`refuse` to `late`) are drawn together, so sum to 1 at most. */
export interface Faults {
  /** Of each way, there and back. */
  readonly delay: Span;
  /** Not done, and said so: `unavailable`. */
  readonly refuse: number;
  /** Not done, and nobody says so: `unknown` after `patience`. */
  readonly lose: number;
  /** Done, but the answer is lost: `unknown` after `patience`. */
  readonly forget: number;
  /** `unknown` after `patience`, and done only after that. */
  readonly late: number;
  /** Done, and done again up to `lateness` after; what the engine itself refuses is not. Drawn apart from the others. */
  readonly repeat: number;
  /** How long the caller waits for an answer. */
  readonly patience: number;
  readonly lateness: number;
  /** The fast path: entries, `claimed`, `doubt`. */
  readonly pushes: WayFaults;
  /** Texts from other nodes. */
  readonly messages: WayFaults;
}

const CLEAR_WAY: WayFaults = { lose: 0, repeat: 0, delay: [0, 0] };

export const NO_FAULTS: Faults = {
  delay: [0, 0],
  refuse: 0,
  lose: 0,
  forget: 0,
  late: 0,
  repeat: 0,
  patience: 1_000,
  lateness: 5_000,
  pushes: CLEAR_WAY,
  messages: CLEAR_WAY,
};

/** A bit of everything: what a bad network does within a minute. */
export const ROUGH: Faults = {
  delay: [0, 40],
  refuse: 0.03,
  lose: 0.03,
  forget: 0.04,
  late: 0.03,
  repeat: 0.05,
  patience: 300,
  lateness: 2_000,
  pushes: { lose: 0.1, repeat: 0.1, delay: [0, 80] },
  messages: { lose: 0.05, repeat: 0.1, delay: [0, 80] },
};

export interface FaultyOptions {
  readonly clock: Clock;
  readonly random: Random;
  readonly faults?: Partial<Faults>;
}

/** How often each fault has struck, so that a test knows that it tested something. */
export interface Tally {
  refused: number;
  lost: number;
  forgotten: number;
  late: number;
  repeated: number;
  pushesLost: number;
  pushesRepeated: number;
}

export interface FaultyEngine extends Engine {
  /** May be replaced at any time; counts for what begins after. */
  faults: Faults;
  readonly tally: Tally;
  /** The node stops running: nothing leaves it and nothing reaches it; what has left is on its way and arrives. */
  pause(): void;
  /** It runs on: what was held back leaves and arrives, in order. */
  resume(): void;
  /** Every connection to the store is cut: what is late does not arrive any more. */
  cut(): void;
  /** The node is gone for good: as `pause`, without a `resume`. Operations under way never settle. */
  kill(): void;
}

/** These change nothing, so a lost answer leaves nothing unknown. */
const READINGS: ReadonlySet<Operation> = new Set<Operation>([
  "ready",
  "nodes",
  "readConnection",
  "ownedConnections",
  "position",
  "read",
  "members",
  "lineHolder",
]);

type Fate = "done" | "refuse" | "lose" | "forget" | "late";

/** An engine behind a bad network, reproducible from the seed of its random source. */
export function faulty(inner: Engine, options: FaultyOptions): FaultyEngine {
  return new Wrapper(inner, options).engine;
}

class Wrapper {
  readonly engine: FaultyEngine;
  readonly #clock: Clock;
  readonly #random: Random;
  #state: "running" | "paused" | "killed" = "running";
  /** Who waits for the node to run again, in order. */
  #cuts = 0;
  #held: (() => void)[] = [];

  constructor(inner: Engine, { clock, random, faults }: FaultyOptions) {
    this.#clock = clock;
    this.#random = random;
    const wanted = new Map<string, object>();
    /** A node knows itself which of its wishes is the last. */
    const wish = (topic: string, run: () => Promise<void>): (() => Promise<void>) => {
      const mine = {};
      wanted.set(topic, mine);
      return async () => {
        if (wanted.get(topic) === mine) await run();
      };
    };
    this.engine = {
      ...intercept(inner, (operation, run) => this.#operate(operation, run)),
      watch: (topic) =>
        this.#operate(
          "watch",
          wish(topic, () => inner.watch(topic)),
        ),
      unwatch: (topic) =>
        this.#operate(
          "unwatch",
          wish(topic, () => inner.unwatch(topic)),
        ),
      // "Whether it answers": without an answer it does not.
      ready: () => this.#operate("ready", () => inner.ready()).catch(() => false),
      start: (node, sink) => inner.start(node, this.#sink(sink)),
      faults: { ...NO_FAULTS, ...faults },
      tally: { refused: 0, lost: 0, forgotten: 0, late: 0, repeated: 0, pushesLost: 0, pushesRepeated: 0 },
      pause: () => {
        if (this.#state === "running") this.#state = "paused";
      },
      resume: () => this.#resume(),
      cut: () => {
        this.#cuts += 1;
      },
      kill: () => {
        this.#state = "killed";
        this.#held = [];
      },
    };
  }

  async #operate<T>(operation: Operation, run: () => Promise<T>): Promise<T> {
    await this.#running();
    const { faults } = this.engine;
    const fate = this.#fate(faults);
    const again = this.#chance(faults.repeat);
    try {
      return await this.#way(fate, again, faults, operation, run);
    } finally {
      await this.#running();
    }
  }

  async #way<T>(
    fate: Fate,
    again: boolean,
    faults: Faults,
    operation: Operation,
    run: () => Promise<T>,
  ): Promise<T> {
    const { tally } = this.engine;
    const cuts = this.#cuts;
    await this.#wait(faults.delay);
    switch (fate) {
      case "refuse":
        tally.refused += 1;
        throw new EngineFailure("unavailable", `${operation} was refused`);
      case "lose":
        tally.lost += 1;
        await this.#sleep(faults.patience);
        throw silence(operation);
      case "forget":
        tally.forgotten += 1;
        ignore(run());
        await this.#sleep(faults.patience);
        throw silence(operation);
      case "late":
        tally.late += 1;
        await this.#sleep(faults.patience);
        this.#later(faults, cuts, run);
        throw silence(operation);
      case "done":
        try {
          const done = await run();
          // What was surely not done must not be done by a repeat.
          if (again) {
            tally.repeated += 1;
            this.#later(faults, cuts, run);
          }
          return done;
        } finally {
          await this.#wait(faults.delay);
        }
    }
  }

  #fate(faults: Faults): Fate {
    let drawn = this.#random.fraction();
    for (const fate of ["refuse", "lose", "forget", "late"] as const) {
      if (drawn < faults[fate]) return fate;
      drawn -= faults[fate];
    }
    return "done";
  }

  #sink(sink: EngineSink): EngineSink {
    const push = (deliver: () => void): void => this.#arrive(this.engine.faults.pushes, deliver);
    return {
      entries: (topic, epoch, entries) => push(() => sink.entries(topic, epoch, entries)),
      claimed: (connection, fence) => push(() => sink.claimed(connection, fence)),
      doubt: () => push(() => sink.doubt()),
      message: (from, text) => this.#arrive(this.engine.faults.messages, () => sink.message(from, text)),
    };
  }

  #arrive(way: WayFaults, deliver: () => void): void {
    if (this.#chance(way.lose)) {
      this.engine.tally.pushesLost += 1;
      return;
    }
    const copies = this.#chance(way.repeat) ? 2 : 1;
    this.engine.tally.pushesRepeated += copies - 1;
    for (let copy = 0; copy < copies; copy++) {
      const ms = this.#between(way.delay);
      if (ms === 0) this.#enter(deliver);
      else this.#clock.after(ms, () => this.#enter(deliver));
    }
  }

  #enter(deliver: () => void): void {
    if (this.#state === "running") deliver();
    else if (this.#state === "paused") this.#held.push(deliver);
  }

  #running(): Promise<void> {
    if (this.#state === "running") return Promise.resolve();
    return new Promise((resolve) => {
      if (this.#state === "paused") this.#held.push(resolve);
    });
  }

  #resume(): void {
    if (this.#state !== "paused") return;
    this.#state = "running";
    const held = this.#held;
    this.#held = [];
    for (const go of held) {
      // The first of them may have stopped the node again.
      if (this.#isRunning()) go();
      else this.#held.push(go);
    }
  }

  #isRunning(): boolean {
    return this.#state === "running";
  }

  #later<T>(faults: Faults, cuts: number, run: () => Promise<T>): void {
    this.#clock.after(this.#between([0, faults.lateness]), () => {
      if (cuts === this.#cuts) ignore(run());
    });
  }

  async #wait(span: Span): Promise<void> {
    const ms = this.#between(span);
    if (ms > 0) await this.#sleep(ms);
  }

  #sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.#clock.after(ms, resolve);
    });
  }

  #between([least, most]: Span): number {
    return most > least ? least + Math.floor(this.#random.fraction() * (most - least + 1)) : least;
  }

  #chance(chance: number): boolean {
    return chance > 0 && this.#random.fraction() < chance;
  }
}

function silence(operation: Operation): EngineFailure {
  return READINGS.has(operation)
    ? new EngineFailure("unavailable", `${operation} got no answer`)
    : new EngineFailure("unknown", `${operation} got no answer; it may have been done`);
}

/** Whatever comes of it: nobody is there to hear. */
function ignore(outcome: Promise<unknown>): void {
  outcome.catch(() => undefined);
}
