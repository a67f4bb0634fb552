/** Away for longer than the log remembers: told once what is missing, and everything after it in order. */
import assert from "node:assert/strict";
import { describe, type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { systemClock, systemRandom } from "../../src/clock.ts";
import { MemoryStore, memoryEngine } from "../../src/engine/index.ts";
import { eventually } from "../support/index.ts";
import { startServer } from "../support/server.ts";
import { each, hears, type Player, ROOM, range, type Stage, stage, TRANSPORTS } from "./stage.ts";
import { clientClock, seeded, storm } from "./weather.ts";

const config = { topics: { maxMessages: 50 } };

/**
 * Two nodes, and the way to one of them. Whoever is cut off comes back to the other one: a node that goes on serving a
 * session remembers more of its rooms than the log does.
 */
async function cluster(t: TestContext): Promise<{ on: Stage; off: () => void; back: () => void }> {
  const bounds = { maxMessages: 50, maxBytes: 1e6, maxAge: 60_000 };
  const store = new MemoryStore({ clock: systemClock, random: systemRandom, bounds });
  const on = await stage(t, { config, engine: memoryEngine(store) });
  const others = await startServer({ config, engine: memoryEngine(store) });
  on.own(others);
  const ports = [on.server.port, others.port];
  return {
    on,
    off() {
      on.proxy.refuseConnections(true);
      on.proxy.cutAll();
      ports.reverse();
      on.proxy.target(ports[0] as number);
    },
    back: () => on.proxy.refuseConnections(false),
  };
}

/** Numbered messages; meanwhile others come and go, which is announced and counts for nothing. */
async function talk(on: Stage, numbers: readonly number[]): Promise<void> {
  await each(numbers.length, 1, async (n) => {
    if (n % 40 === 39) {
      const passer = await on.join({ host: on.server.url });
      await passer.client.disconnect();
    }
    await on.server.api.rooms.broadcast(ROOM, numbers[n]);
  });
}

const gaps = (who: Player) =>
  who.fired.filter(({ name }) => name === "gap").map(({ value, heard }) => ({ value, heard }));

describe("a cut longer than the log", () => {
  for (const [transport, only] of TRANSPORTS) {
    describe(`over ${transport}`, { concurrency: true }, () => {
      test("is told once, with the number of what is missing, before anything later", async (t) => {
        const { on, off, back } = await cluster(t);
        const ada = await on.join({ ...only, clock: clientClock(seeded(21)) });
        await talk(on, range(0, 10));
        await hears(ada, range(0, 10));
        off();
        await talk(on, range(10, 210));
        back();
        await hears(ada, [...range(0, 10), ...range(160, 210)]);
        await talk(on, range(210, 220));
        await hears(ada, [...range(0, 10), ...range(160, 220)]);
        const value = { context: "api", gap: { room: ROOM, missed: 150 } };
        assert.deepEqual(gaps(ada), [{ value, heard: 10 }]);
      });

      test("is told once even when the notice itself is cut off", async (t) => {
        const { on, off, back } = await cluster(t);
        const ada = await on.join({ ...only, clock: clientClock(seeded(22), 0.1) });
        off();
        await talk(on, range(0, 200));
        const chance = seeded(23);
        const cuts = storm(chance, 40, () => on.proxy.cutAll());
        t.after(() => cuts.stop());
        back();
        await sleep(1_500);
        cuts.stop();
        await hears(ada, range(150, 200));
        const value = { context: "api", gap: { room: ROOM, missed: 150 } };
        assert.deepEqual(gaps(ada), [{ value, heard: 0 }]);
      });

      test("again and again: what came and what is told to be missing is what was sent", async (t) => {
        const { on, off, back } = await cluster(t);
        const ada = await on.join({ ...only, clock: clientClock(seeded(24), 0.3) });
        const chance = seeded(25);
        let away = false;
        const cuts = storm(chance, 250, () => {
          away = !away;
          if (away) off();
          else back();
        });
        t.after(() => cuts.stop());
        await talk(on, range(0, 1_000));
        cuts.stop();
        // Whatever the weather was, once it was away for longer than the log is, and than what any node remembers.
        if (!away) off();
        for (const n of range(1_000, 3_500)) await on.server.api.rooms.broadcast(ROOM, n);
        back();
        await on.server.api.rooms.broadcast(ROOM, 3_500);
        await eventually(() => ada.numbers().at(-1) === 3_500, { timeout: 20_000 });
        // Each notice says how far the number after it is from the one before it.
        const heard = ada.numbers();
        const jumps = heard.flatMap((n, at) => {
          const missed = n - (heard[at - 1] ?? -1) - 1;
          return missed === 0 ? [] : [{ heard: at, value: { context: "api", gap: { room: ROOM, missed } } }];
        });
        assert.deepEqual(gaps(ada), jumps);
        assert.ok(gaps(ada).length > 0, "there was no gap");
      });
    });
  }
});
