import { setTimeout as sleep, setImmediate as turn } from "node:timers/promises";
import { Redis } from "ioredis";
import { systemClock, systemRandom } from "../../src/clock.ts";
import type { Engine, Harness, TopicBounds } from "../../src/engine/index.ts";
import { intercept } from "../../src/engine/intercept.ts";
import { redisEngineWith } from "../../src/engine/redis/engine.ts";
import { ownParts, type Parts } from "../../src/engine/redis/scripts.ts";
import type { Log } from "../../src/ports.ts";
import { FakeClock } from "../../src/testing/fake-clock.ts";
import type { RedisServer } from "../support/index.ts";
import { createProxy } from "../support/index.ts";

export const QUIET: Log = { debug() {}, info() {}, warn() {}, error() {} };

let stores = 0;

/** A namespace that no other store of this process has. */
export const freshNamespace = (): string => `test${++stores}`;

/**
 * The Redis engine as the suite wants it, on a real server. The rules' time is Redis' own clock, and what a key of the test's says
 * beside it, so that a day passes at once. Only the clock that the scripts are made with is not that of production.
 */
export function redisHarness(server: () => RedisServer): Harness {
  return {
    patience: Number.POSITIVE_INFINITY,
    clears: true,
    rewinds: true,
    fails: true,
    open: (bounds) => open(server(), bounds),
  };
}

async function open(server: RedisServer, bounds: TopicBounds): ReturnType<Harness["open"]> {
  const clock = new FakeClock();
  const namespace = freshNamespace();
  const control = new Redis(server.port, "127.0.0.1");
  control.on("error", () => {});
  const wire = await createProxy(server.port);
  const engines: Engine[] = [];
  const underWay = new Set<Promise<unknown>>();
  let passed = 0;

  const idle = async (): Promise<void> => {
    while (underWay.size > 0) await Promise.allSettled(underWay);
  };

  return {
    clock,
    engine() {
      const engine = redisEngineWith(
        {
          host: "127.0.0.1",
          port: wire.port,
          namespace,
          bounds,
          clock: systemClock,
          random: systemRandom,
          log: QUIET,
        },
        aheadParts(namespace),
      );
      engines.push(engine);
      return intercept(engine, (_operation, run) => {
        const running = run();
        underWay.add(running);
        const done = (): void => void underWay.delete(running);
        running.then(done, done);
        return running;
      });
    },
    async advance(ms) {
      await idle();
      await clock.advance(ms);
      await idle();
      passed += ms;
      await control.set(aheadKey(namespace), passed);
      // What had been published before that answer has been written to the other connections, too.
      await turn();
      await turn();
      if (clock.pending === 0) await sleep(Math.min(ms, 10));
    },
    async clear() {
      await server.restart();
    },
    async save() {
      await control.save();
    },
    async rewind() {
      await server.restart();
    },
    async fail() {
      wire.refuseConnections(true);
      wire.cutAll();
      while ((await Promise.all(engines.map((engine) => engine.ready()))).includes(true)) await turn();
    },
    recover: async () => wire.refuseConnections(false),
    async close() {
      control.disconnect();
      server.forget();
      await wire.close();
    },
  };
}

/** Says how many milliseconds the scripts of a namespace are ahead of Redis' clock. */
export const aheadKey = (namespace: string): string => `${namespace}-ahead`;

/** The scripts' parts with a clock that {@link aheadKey} moves. */
export function aheadParts(namespace: string): Parts {
  const clock = [
    "local function milliseconds()",
    "  local time = redis.call('TIME')",
    `  local ahead = redis.call('GET', '${aheadKey(namespace)}')`,
    "  return time[1] * 1000 + math.floor(time[2] / 1000) + tonumber(ahead or 0)",
    "end",
  ].join("\n");
  return (part) => (part === "clock" ? clock : ownParts(part));
}
