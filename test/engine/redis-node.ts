import { Redis } from "ioredis";
import { systemClock, systemRandom } from "../../src/clock.ts";
import { type Engine, EngineFailure, type Entry, redisEngine } from "../../src/engine/index.ts";
import { redisEngineWith } from "../../src/engine/redis/engine.ts";
import type { RedisEngineOptions } from "../../src/engine/redis/options.ts";
import type { Clock } from "../../src/ports.ts";
import { aheadKey, aheadParts, freshNamespace, QUIET } from "./redis-harness.ts";

/** A node's engine on a real Redis in real time, and what it was told. */
export interface TestNode {
  readonly engine: Engine;
  readonly namespace: string;
  readonly entries: Entry[];
  readonly claimed: string[];
  readonly messages: string[];
  doubts: number;
}

type Options = Partial<RedisEngineOptions> & { readonly node?: string };

/** `port` 0: `options` say where. */
export function nodeOn(port: number, options: Options = {}): TestNode & { start(): Promise<void> } {
  const { node = "a", namespace = freshNamespace(), ...rest } = options;
  const engine = redisEngine({
    ...(port > 0 && { port }),
    namespace,
    clock: systemClock,
    random: systemRandom,
    log: QUIET,
    commandTimeout: 300,
    startTimeout: 1_000,
    ...rest,
  });
  const told: TestNode = { engine, namespace, entries: [], claimed: [], messages: [], doubts: 0 };
  return Object.assign(told, {
    start: () =>
      engine.start(node, {
        entries: (_topic, _epoch, entries) => void told.entries.push(...entries),
        claimed: (id) => void told.claimed.push(id),
        message: (_from, text) => void told.messages.push(text),
        doubt: () => {
          told.doubts += 1;
        },
      }),
  });
}

export async function startedOn(port: number, options: Options = {}): Promise<TestNode> {
  const node = nodeOn(port, options);
  await node.start();
  return node;
}

/** An engine and a Redis in whose time `pass` lets milliseconds go by at once; not started. */
export function aheadNode(
  port: number,
  raw: Redis,
  namespace = freshNamespace(),
): { engine: Engine; namespace: string; pass(ms: number): Promise<void> } {
  let ahead = 0;
  const clock: Clock = { ...systemClock, monotonic: () => systemClock.monotonic() + ahead };
  const options = { port, namespace, clock, random: systemRandom, log: QUIET };
  return {
    engine: redisEngineWith(options, aheadParts(namespace)),
    namespace,
    pass: async (ms) => {
      ahead += ms;
      await raw.incrby(aheadKey(namespace), ms);
    },
  };
}

/** A client of the test's own, past the engine. */
export function rawOn(port: number, password?: string): Redis {
  const raw = new Redis(port, "127.0.0.1", { retryStrategy: () => 50, ...(password && { password }) });
  raw.on("error", () => {});
  return raw;
}

/** How it ended: `done`, or the failure's outcome and message. */
export async function outcomeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return "done";
  } catch (failure) {
    if (failure instanceof EngineFailure) return `${failure.outcome}: ${failure.message}`;
    throw failure;
  }
}
