/** What is said in a room while every connection of a listener is cut again and again: all of it, once, in order. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { createOneWayProxy } from "./one-way.ts";
import { each, hears, ROOM, range, type Stage, stage, TRANSPORTS } from "./stage.ts";
import { clientClock, seeded, storm } from "./weather.ts";

const COUNT = 200;

/** Numbered messages, by turns the server's and another client's who is not cut off. */
async function talk(on: Stage, pause = 30): Promise<void> {
  const grace = await on.join({ host: on.server.url });
  await each(COUNT, pause, (n) =>
    n % 2 === 0 ? on.server.api.rooms.broadcast(ROOM, n) : grace.client.say(String(n)),
  );
}

describe("a listener", { concurrency: 2 }, () => {
  for (const [transport, only] of TRANSPORTS) {
    describe(`over ${transport}`, { concurrency: true }, () => {
      test("whose connections are cut", async (t) => {
        const on = await stage(t);
        const ada = await on.join({ ...only, clock: clientClock(seeded(1), 0.1) });
        const cuts = storm(seeded(2), 250, () => on.proxy.cutAll());
        t.after(() => cuts.stop());
        await talk(on);
        cuts.stop();
        await hears(ada, range(0, COUNT));
        assert.deepEqual(ada.gaps(), []);
        assert.ok(on.handshakes() > 8, `it had to come back only ${on.handshakes() - 2} times`);
      });

      test("whose connections are cut, and who takes its time to come back", async (t) => {
        const on = await stage(t);
        const ada = await on.join({ ...only, clock: clientClock(seeded(3)) });
        const cuts = storm(seeded(4), 400, () => on.proxy.cutAll());
        t.after(() => cuts.stop());
        await talk(on);
        cuts.stop();
        await hears(ada, range(0, COUNT));
        assert.deepEqual(ada.gaps(), []);
      });

      test("whose network is a black hole now and then, and cut then", async (t) => {
        const on = await stage(t);
        const ada = await on.join({ ...only, clock: clientClock(seeded(5), 0.1) });
        const chance = seeded(6);
        let hole = false;
        const holes = storm(chance, 300, () => {
          hole = !hole;
          on.proxy.blackhole(hole);
          // What was held arrives after the hole, or never.
          if (hole && chance() < 0.5) on.proxy.cutAll();
        });
        t.after(() => holes.stop());
        await talk(on);
        holes.stop();
        on.proxy.blackhole(false);
        await hears(ada, range(0, COUNT));
        assert.deepEqual(ada.gaps(), []);
      });

      test("whose answers are lost on the way", async (t) => {
        const on = await stage(t);
        const proxy = on.own(await createOneWayProxy(on.server.port));
        const ada = await on.join({ host: proxy.url, ...only, clock: clientClock(seeded(7), 0.1) });
        const chance = seeded(8);
        const losses = storm(chance, 300, () => proxy.loseAnswers(chance() * 200));
        t.after(() => losses.stop());
        await talk(on);
        losses.stop();
        await hears(ada, range(0, COUNT));
        assert.deepEqual(ada.gaps(), []);
        assert.ok(on.handshakes() > 8, `it had to come back only ${on.handshakes() - 2} times`);
      });
    });
  }
});
