import assert from "node:assert/strict";
import type { Clock } from "../../ports.ts";
import {
  type Append,
  type Engine,
  EngineFailure,
  type EngineSink,
  type Entry,
  type FailureOutcome,
  type Position,
  type TopicBounds,
} from "../contract.ts";

/** A fresh, empty store and the time it lives in. */
export interface Backend {
  readonly clock: Clock;
  /** One more node's engine over this store, not started yet. */
  engine(): Engine;
  /** Lets `ms` pass. What was pushed before and needs no more time than that has arrived when it resolves. */
  advance(ms: number): Promise<void>;
  /** Restarts the store empty. */
  clear?(): Promise<void>;
  /** Has the store keep what it has now, and restarts it with what it kept. */
  save?(): Promise<void>;
  rewind?(): Promise<void>;
  /** Makes the store unreachable, and reachable again with everything in it. */
  fail?(): Promise<void>;
  recover?(): Promise<void>;
  close(): Promise<void>;
}

/** What somebody who wrote an engine hands to the suite. */
export interface Harness {
  open(bounds: TopicBounds): Promise<Backend>;
  /** The longest time (milliseconds) a rule may let pass: rules that need more are not applicable. */
  readonly patience: number;
  /** Whether its backends have `clear`, `save` with `rewind`, and `fail` with `recover`. */
  readonly clears: boolean;
  readonly rewinds?: boolean;
  readonly fails: boolean;
}

export interface Rule {
  readonly number: number;
  readonly title: string;
  /** 1: one instance. 2: two instances over one store. 3: behind a bad network. */
  readonly tier: 1 | 2 | 3;
  readonly needs?: {
    readonly time?: number;
    readonly clear?: true;
    readonly rewind?: true;
    readonly outage?: true;
  };
  run(harness: Harness): Promise<void>;
}

export function applicable(rule: Rule, harness: Harness): boolean {
  const { time = 0, clear, rewind, outage } = rule.needs ?? {};
  return (
    time <= harness.patience &&
    (!clear || harness.clears) &&
    (!rewind || harness.rewinds === true) &&
    (!outage || harness.fails)
  );
}

export const BOUNDS: TopicBounds = { maxMessages: 20, maxBytes: 100_000, maxAge: 60_000 };

/** Milliseconds after which a play is taken to be stuck. */
const LONGEST_PLAY = 300_000;

/** Everything a node's sink was told, in order. */
export interface Heard {
  readonly entries: { topic: string; epoch: string; entries: readonly Entry[] }[];
  readonly claimed: { connection: string; fence: number }[];
  readonly messages: { from: string; text: string }[];
  doubts: number;
}

export interface Actor {
  readonly node: string;
  readonly engine: Engine;
  readonly heard: Heard;
}

export class Stage {
  readonly backend: Backend;
  readonly #engines: Engine[] = [];

  constructor(backend: Backend) {
    this.backend = backend;
  }

  /** Starts one more node. `wrap` puts something between it and the store. */
  async node(node: string, wrap: (engine: Engine) => Engine = (engine) => engine): Promise<Actor> {
    const heard: Heard = { entries: [], claimed: [], messages: [], doubts: 0 };
    const inner = this.backend.engine();
    const engine = wrap(inner);
    this.#engines.push(inner);
    await engine.start(node, recording(heard));
    return { node, engine, heard };
  }

  /** Fails unless `check` holds within five seconds. */
  async eventually(what: string, check: () => boolean): Promise<void> {
    for (let waited = 0; waited < 5_000; waited += 10) {
      if (check()) return;
      await this.backend.advance(10);
    }
    assert.ok(check(), `never happened: ${what}`);
  }

  /** Lets time pass until `work` is done. */
  async drive<T>(work: Promise<T>): Promise<T> {
    let done = false;
    const settled = (): void => {
      done = true;
    };
    work.then(settled, settled);
    for (let waited = 0; !done && waited < LONGEST_PLAY; waited += 10) await this.backend.advance(10);
    assert.ok(done, "the play does not come to an end");
    return work;
  }

  async close(): Promise<void> {
    for (const engine of this.#engines) await engine.stop();
    await this.backend.close();
  }
}

function recording(heard: Heard): EngineSink {
  return {
    entries: (topic, epoch, entries) => void heard.entries.push({ topic, epoch, entries: [...entries] }),
    claimed: (connection, fence) => void heard.claimed.push({ connection, fence }),
    message: (from, text) => void heard.messages.push({ from, text }),
    doubt: () => {
      heard.doubts += 1;
    },
  };
}

/** A rule's play: on an open stage, closed whatever happens. */
export function staged(bounds: TopicBounds, play: (stage: Stage) => Promise<void>): Rule["run"] {
  return async (harness) => {
    const stage = new Stage(await harness.open(bounds));
    try {
      await play(stage);
    } finally {
      await stage.close();
    }
  };
}

/** A rule of tier one with the usual bounds. */
export function alone(
  number: number,
  title: string,
  play: (engine: Engine, stage: Stage) => Promise<void>,
  more: { bounds?: Partial<TopicBounds>; needs?: Rule["needs"] } = {},
): Rule {
  const bounds = { ...BOUNDS, ...more.bounds };
  return {
    number,
    title,
    tier: 1,
    ...(more.needs && { needs: more.needs }),
    run: staged(bounds, async (stage) => play((await stage.node("a")).engine, stage)),
  };
}

/** A rule of tier two: two nodes over one store. */
export function together(
  number: number,
  title: string,
  play: (a: Actor, b: Actor, stage: Stage) => Promise<void>,
  needs?: Rule["needs"],
): Rule {
  return {
    number,
    title,
    tier: 2,
    ...(needs && { needs }),
    run: staged(BOUNDS, async (stage) => play(await stage.node("a"), await stage.node("b"), stage)),
  };
}

export const said = (payload: string, publisher?: Append["publisher"]): Append => ({
  kind: "message",
  from: publisher?.id ?? null,
  payload,
  ...(publisher && { publisher }),
});

export const announced = (payload: string): Append => ({ kind: "announcement", from: null, payload });

/** Appends as the server itself; the position it was stored at. */
export async function store(engine: Engine, topic: string, append: Append): Promise<Position> {
  const appended = await engine.append(topic, append);
  assert.equal(appended.outcome, "stored");
  return appended.outcome === "stored" ? appended.position : assert.fail();
}

export const payloads = (entries: readonly Entry[]): string[] => entries.map((entry) => entry.payload);

export async function all(engine: Engine, topic: string, after: Position): Promise<string[]> {
  return payloads((await engine.read(topic, after, 1_000)).entries);
}

export async function rejects(work: Promise<unknown>, outcome: FailureOutcome): Promise<void> {
  await assert.rejects(work, (failure: unknown) => {
    assert.ok(failure instanceof EngineFailure, `expected an EngineFailure, got ${String(failure)}`);
    assert.equal(failure.outcome, outcome);
    return true;
  });
}
