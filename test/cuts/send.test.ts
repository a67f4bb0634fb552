/** What a client says while its own connections are cut: all of it stored, once, in order, and all of it answered. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { ClientError } from "../../src/client/index.ts";
import { eventually } from "../support/index.ts";
import { createOneWayProxy } from "./one-way.ts";
import { each, hears, type Player, range, type Stage, stage, TRANSPORTS } from "./stage.ts";
import { clientClock, seeded, storm } from "./weather.ts";

const COUNT = 200;

/** What became of what was said. */
class Outcomes {
  readonly codes: string[] = [];

  add(answer: Promise<{ readonly status?: unknown }>): void {
    answer.then(
      (reply) => this.codes.push(String(reply.status)),
      (error: ClientError) => this.codes.push(error.code),
    );
  }

  /** Waits until all are answered: every one of them stored. */
  async allStored(count: number): Promise<void> {
    await eventually(
      () => {
        if (this.codes.length < count) throw new Error(`${this.codes.length} of ${count} are answered`);
      },
      { timeout: 20_000 },
    );
    assert.deepEqual(this.codes, new Array(count).fill("OK"));
  }
}

/** Says numbers, now and then a few at once, without waiting for an answer. */
async function chatter(who: Player, numbers: readonly number[], pause = 30): Promise<Outcomes> {
  const outcomes = new Outcomes();
  await each(numbers.length / 4, pause * 4, async (n) => {
    for (const [index, number] of numbers.slice(4 * n, 4 * n + 4).entries()) {
      if (n % 2 === 0 && index > 0) await sleep(pause);
      outcomes.add(who.client.say(String(number)));
    }
  });
  return outcomes;
}

/** A client that nothing happens to. */
const steady = (on: Stage) => on.join({ host: on.server.url });

describe("a speaker", { concurrency: 2 }, () => {
  for (const [transport, only] of TRANSPORTS) {
    describe(`over ${transport}`, {
      concurrency: true,
      skip: !(process.env.ONLY ?? transport).split("|").includes(transport),
    }, () => {
      const eager = (seed: number, pull = 0.1) => ({
        ...only,
        offlineQueue: COUNT,
        clock: clientClock(seeded(seed), pull),
      });

      test("whose connections are cut", async (t) => {
        const on = await stage(t);
        const grace = await steady(on);
        const ada = await on.join(eager(11));
        const cuts = storm(seeded(12), 250, () => on.proxy.cutAll());
        t.after(() => cuts.stop());
        const outcomes = await chatter(ada, range(0, COUNT));
        cuts.stop();
        await outcomes.allStored(COUNT);
        await hears(grace, range(0, COUNT));
        assert.ok(on.handshakes() > 8, `it had to come back only ${on.handshakes() - 2} times`);
      });

      test("whose answers are lost on the way", async (t) => {
        const on = await stage(t);
        const proxy = on.own(await createOneWayProxy(on.server.port));
        const grace = await steady(on);
        const ada = await on.join({ ...eager(13), host: proxy.url });
        const chance = seeded(14);
        const losses = storm(chance, 300, () => proxy.loseAnswers(chance() * 200));
        t.after(() => losses.stop());
        const outcomes = await chatter(ada, range(0, COUNT));
        losses.stop();
        await outcomes.allStored(COUNT);
        await hears(grace, range(0, COUNT));
        assert.ok(on.handshakes() > 8, `it had to come back only ${on.handshakes() - 2} times`);
      });

      test("in a black hole that outlasts its patience; late, everything arrives", async (t) => {
        const on = await stage(t);
        const grace = await steady(on);
        const ada = await on.join(eager(15));
        on.proxy.blackhole(true);
        const outcomes = await chatter(ada, range(0, 40));
        await eventually(() => ada.client.state === "reconnecting", { timeout: 15_000 });
        // Its attempts to come back go into the hole as well, and will all arrive together.
        await sleep(500);
        outcomes.add(ada.client.say("40"));
        on.proxy.blackhole(false);
        await outcomes.allStored(41);
        await hears(grace, range(0, 41));
        await grace.client.say("41");
        await hears(ada, [41]);
      });

      test("who is cut together with whom it talks to", async (t) => {
        const on = await stage(t);
        const [ada, grace] = [await on.join(eager(16)), await on.join(eager(17, 1))];
        const cuts = storm(seeded(18), 300, () => on.proxy.cutAll());
        t.after(() => cuts.stop());
        const both = await Promise.all([
          chatter(ada, range(0, COUNT), 40),
          chatter(grace, range(COUNT, 2 * COUNT), 40),
        ]);
        cuts.stop();
        for (const outcomes of both) await outcomes.allStored(COUNT);
        await hears(grace, range(0, COUNT));
        await hears(ada, range(COUNT, 2 * COUNT));
        assert.deepEqual([...ada.gaps(), ...grace.gaps()], []);
      });
    });
  }
});
