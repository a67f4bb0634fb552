import assert from "node:assert/strict";
import { test } from "node:test";
import { type Engine, EngineFailure, type Harness } from "../../src/engine/index.ts";
import type { Random } from "../../src/ports.ts";
import { seededRandom } from "../../src/testing/fake-clock.ts";
import { RedisServer } from "../support/index.ts";
import { memoryHarness } from "./harness.ts";
import { redisHarness } from "./redis-harness.ts";

/** The memory engine is what the Redis engine should be: whatever is asked of both, they answer the same. */

const SEEDS = 25;
const STEPS = 160;
const BOUNDS = { maxMessages: 5, maxBytes: 60, maxAge: 2_000 };
const SILENT = { entries() {}, claimed() {}, message() {}, doubt() {} };

type Step = (engine: Engine) => Promise<unknown>;

class Script {
  readonly #random: Random;
  constructor(seed: number) {
    this.#random = seededRandom(seed);
  }

  below(n: number): number {
    return Math.floor(this.#random.fraction() * n);
  }

  one<T>(things: readonly T[]): T {
    return things[this.below(things.length)]!;
  }

  maybe<T extends object>(chance: number, thing: () => T): T | Record<string, never> {
    return this.#random.fraction() < chance ? thing() : {};
  }

  /** One thing to do, the same for both engines: every choice is made here. */
  step(): Step {
    const topic = this.one(["room:a", "line:b"]);
    const id = this.one(["x", "y", "z"]);
    const fence = this.one([1, 1, 1, 2, 2, 3]);
    const act = 1 + this.below(12);
    const info = `"${this.below(100)}"`;
    const announce = this.maybe(0.7, () => ({ announce: { payload: `"${id}"`, upTo: this.below(4) } }));
    switch (this.below(17)) {
      case 0:
      case 1:
      case 2:
      case 3: {
        const numbered = this.one([{ n: 1 + this.below(12) }, { key: `k${this.below(8)}` }, {}]);
        const publisher = this.maybe(0.9, () => ({
          publisher: { id, fence, ...numbered, ...this.maybe(0.3, () => ({ act })) },
        }));
        const requires = this.maybe(0.4, () => ({ requires: this.one(["member", "held"] as const) }));
        const payload = `"${"é".repeat(this.below(25))}"`;
        const kind = this.one(["message", "message", "announcement"] as const);
        const from = this.one([null, id]);
        return (engine) => engine.append(topic, { payload, kind, from, ...publisher, ...requires });
      }
      case 4:
      case 5: {
        const [offset, limit] = [this.below(20), this.below(12)];
        const count = Math.max(0, offset - this.below(5));
        const foreign = this.below(8) === 0;
        return async (engine) => {
          const { epoch } = await engine.position(topic);
          return engine.read(topic, { epoch: foreign ? "other" : epoch, offset, count }, limit);
        };
      }
      case 6:
      case 7: {
        const last = this.maybe(0.3, () => ({ last: this.below(12) }));
        return (engine) => engine.join(topic, { id, fence, act, info, ...last, ...announce });
      }
      case 8:
        return (engine) => engine.leave(topic, { id, fence, act, ...announce });
      case 9:
        return (engine) => engine.updateMember(topic, id, fence, info, act);
      case 10: {
        const [after, limit] = [this.one([null, "x", "y"]), 1 + this.below(3)];
        return (engine) => engine.members(topic, after, limit);
      }
      case 11: {
        const proofs = [this.one(["p", "q"]), this.one(["q", "r"])].slice(this.below(3));
        return (engine) => engine.holdLine(topic, { holder: id, fence, act, proofs });
      }
      case 12:
        return (engine) => engine.releaseLine(topic, id, fence, act);
      case 13:
        return (engine) => engine.lineHolder(topic);
      case 14:
      case 15:
        return this.#record(id, fence, act);
      default:
        return async (engine) => (await engine.nodes()).map(({ node }) => node).sort();
    }
  }

  #record(id: string, fence: number, act: number): Step {
    const [name, text] = [this.one(["f", "g"]), this.one(["1", "2", null])];
    const after = this.one([null, "x", "y"]);
    switch (this.below(7)) {
      case 0:
        return (engine) => engine.createConnection(id, { f: "0" });
      case 1:
        return (engine) => engine.claimConnection(id, fence, { g: "9" });
      case 2:
        return (engine) => engine.writeConnection(id, fence, { [name]: text }, act);
      case 3:
        return (engine) => engine.readConnection(id);
      case 4:
        return (engine) => engine.restoreConnection(id, fence, { f: "r" });
      case 5:
        return this.below(4) > 0
          ? (engine) => engine.readConnection(id)
          : (engine) => engine.removeConnection(id, fence);
      default:
        return async (engine) => [
          await engine.ownedConnections("a", after, 2),
          await engine.ownedConnections("b", null, 9),
        ];
    }
  }
}

/** What it came to; epochs by the order in which they were seen. */
async function outcome(step: Step, engine: Engine, epochs: string[]): Promise<unknown> {
  try {
    const value = (await step(engine)) ?? null;
    return JSON.parse(JSON.stringify(value), (name, one: unknown) => {
      if (name !== "epoch" || typeof one !== "string") return one;
      if (!epochs.includes(one)) epochs.push(one);
      return `epoch ${epochs.indexOf(one)}`;
    });
  } catch (failure) {
    if (failure instanceof EngineFailure) return failure.outcome;
    throw failure;
  }
}

async function play(seed: number, harnesses: readonly Harness[]): Promise<void> {
  const script = new Script(seed);
  const backends = await Promise.all(harnesses.map((harness) => harness.open(BOUNDS)));
  const worlds = await Promise.all(
    backends.map(async (backend) => {
      const engines = [backend.engine(), backend.engine()];
      await engines[0]!.start("a", SILENT);
      await engines[1]!.start("b", SILENT);
      return { backend, engines, epochs: [] as string[] };
    }),
  );
  try {
    const told: string[] = [];
    for (let at = 0; at < STEPS; at++) {
      const node = script.below(2);
      const ms = script.below(10) === 0 ? 500 * (1 + script.below(4)) : 0;
      const step = script.step();
      if (ms > 0) await Promise.all(worlds.map(({ backend }) => backend.advance(ms)));
      const [expected, actual] = await Promise.all(
        worlds.map(({ engines, epochs }) => outcome(step, engines[node]!, epochs)),
      );
      told.push(`${at} ${"ab"[node]} +${ms} ${step}: ${JSON.stringify(expected)}`);
      assert.deepEqual(actual, expected, `seed ${seed}, after\n${told.slice(-6).join("\n")}`);
    }
  } finally {
    for (const { backend, engines } of worlds) {
      for (const engine of engines) await engine.stop();
      await backend.close();
    }
  }
}

test("both engines answer the same, whatever is asked", async () => {
  const server = await RedisServer.start();
  try {
    const harnesses = [memoryHarness(), redisHarness(() => server)];
    for (let seed = 1; seed <= SEEDS; seed++) await play(seed, harnesses);
  } finally {
    await server.stop();
  }
});
