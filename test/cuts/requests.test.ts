/** What is asked while the line breaks: done once, or as the action promises, or refused clearly. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { type Action, defineAction } from "../../src/actions/index.ts";
import type { ClientError, Message } from "../../src/client/index.ts";
import { eventually } from "../support/index.ts";
import { createOneWayProxy } from "./one-way.ts";
import { each, hears, range, type Stage, stage, TRANSPORTS } from "./stage.ts";
import { clientClock, seeded, storm } from "./weather.ts";

const CALLS = 60;

/** Actions that count how often they were run for each number. */
function counters(): { actions: Action[]; runs: (name: string, n: number) => number } {
  const counts = new Map<string, number>();
  const counting = (name: string, promises: { idempotent?: boolean; journal?: boolean }) =>
    defineAction({
      name,
      description: "counts",
      ...promises,
      run: async ({ params }) => {
        const key = `${name} ${params.n}`;
        counts.set(key, (counts.get(key) ?? 0) + 1);
        await sleep(Number(params.n) % 3 === 0 ? 150 : 0);
        return { counted: params.n };
      },
    });
  return {
    actions: [
      counting("once", {}),
      counting("idempotent", { idempotent: true }),
      counting("journal", { journal: true }),
    ],
    runs: (name, n) => counts.get(`${name} ${n}`) ?? 0,
  };
}

interface Outcome {
  readonly code: string | null;
  readonly reply: Message | undefined;
}

const outcome = (answer: Promise<Message>): Promise<Outcome> =>
  answer.then(
    (reply) => ({ code: null, reply }),
    (error: ClientError) => ({ code: error.code, reply: undefined }),
  );

describe("requests under way", () => {
  for (const [transport, only] of TRANSPORTS) {
    describe(`over ${transport}`, { concurrency: true }, () => {
      for (const [name, strike] of [
        ["cuts", (on: Stage) => on.proxy.cutAll()],
        ["lost answers", null],
      ] as const) {
        test(`${name}: an action runs once at most, an idempotent or journalled one is always answered`, async (t) => {
          const { actions, runs } = counters();
          const on = await stage(t, { actions, config: { general: { simultaneousActions: 100 } } });
          const oneWay = on.own(await createOneWayProxy(on.server.port));
          const host = strike ? on.proxy.url : oneWay.url;
          const ada = await on.join({
            ...only,
            host,
            offlineQueue: 3 * CALLS,
            clock: clientClock(seeded(41), 0.1),
          });
          const chance = seeded(42);
          const cuts = storm(chance, 250, () => (strike ? strike(on) : oneWay.loseAnswers(chance() * 150)));
          t.after(() => cuts.stop());
          const names = ["once", "idempotent", "journal"] as const;
          const outcomes: Promise<Outcome>[][] = names.map(() => []);
          await each(CALLS, 80, (n) => {
            for (const [index, action] of names.entries())
              outcomes[index]?.push(outcome(ada.client.action(action, { n })));
          });
          cuts.stop();
          const [once, idempotent, journal] = await Promise.all(outcomes.map((list) => Promise.all(list)));

          for (const [n, { code, reply }] of (once ?? []).entries()) {
            if (code === null) assert.deepEqual([reply?.counted, runs("once", n)], [n, 1]);
            else {
              assert.equal(code, "outcome_unknown");
              assert.ok(runs("once", n) <= 1, `${n} ran ${runs("once", n)} times`);
            }
          }
          for (const [n, { code, reply }] of (idempotent ?? []).entries()) {
            assert.deepEqual([code, reply?.counted], [null, n]);
            assert.ok(runs("idempotent", n) >= 1);
          }
          for (const [n, { code, reply }] of (journal ?? []).entries()) {
            assert.deepEqual([code, reply?.counted, runs("journal", n)], [null, n, 1]);
          }
          const unknown = (once ?? []).filter(({ code }) => code !== null).length;
          t.diagnostic(
            `${unknown} of ${CALLS} actions with an unknown outcome, ${on.handshakes()} handshakes`,
          );
        });
      }

      test("verbs take effect once, and in the order in which they were asked", async (t) => {
        const on = await stage(t);
        const proxy = on.own(await createOneWayProxy(on.server.port));
        const watchers = await Promise.all(
          ["red", "blue"].map(async (room) => {
            const watcher = await on.join({ host: on.server.url });
            await watcher.client.roomChange(room);
            return watcher;
          }),
        );
        const ada = await on.join({
          ...only,
          host: proxy.url,
          offlineQueue: 200,
          clock: clientClock(seeded(43), 0.1),
        });
        const chance = seeded(44);
        const losses = storm(chance, 200, () => proxy.loseAnswers(chance() * 150));
        t.after(() => losses.stop());
        const rounds = 20;
        const asked: Promise<Outcome>[] = [];
        await each(rounds, 150, (n) => {
          const { client } = ada;
          asked.push(outcome(client.roomChange("red")), outcome(client.say(String(2 * n))));
          asked.push(outcome(client.listenToRoom("news")), outcome(client.roomChange("blue")));
          asked.push(outcome(client.say(String(2 * n + 1))), outcome(client.silenceRoom("news")));
        });
        losses.stop();
        // A second listening, or a silence where nothing is listened to, would be an error.
        const failed = (await Promise.all(asked)).filter(({ code }) => code !== null);
        assert.deepEqual(failed, []);
        for (const [index, watcher] of watchers.entries()) {
          await hears(
            watcher,
            range(0, rounds).map((n) => 2 * n + index),
          );
          const announced = watcher.said
            .filter(({ from }) => from === ada.client.id)
            .map(({ message }) => String(message).replace(/\d+/, "N"));
          const visit = ["I have entered the room", "N", "I have left the room"];
          const visits = range(0, rounds).flatMap(() => visit);
          // She is still in the room that she entered last.
          assert.deepEqual(announced, index === 0 ? visits : visits.slice(0, -1));
        }
        const details = await on.server.api.connections.get(ada.client.id ?? "");
        assert.deepEqual([details?.room, details?.listeningRooms], ["blue", []]);
      });

      test("what is asked while offline waits, up to the bound, and then fails at once", async (t) => {
        const on = await stage(t);
        const grace = await on.join({ host: on.server.url });
        const ada = await on.join({ ...only, offlineQueue: 3, clock: clientClock(seeded(45)) });
        on.proxy.refuseConnections(true);
        await eventually(() => {
          on.proxy.cutAll();
          return ada.client.state === "reconnecting";
        });
        const asked = range(0, 5).map((n) => outcome(ada.client.say(String(n))));
        const full = await Promise.all(asked.slice(3));
        assert.deepEqual(
          full.map(({ code }) => code),
          ["offline_queue_full", "offline_queue_full"],
        );
        assert.equal(ada.client.state, "reconnecting");
        on.proxy.refuseConnections(false);
        assert.deepEqual(
          (await Promise.all(asked.slice(0, 3))).map(({ code }) => code),
          [null, null, null],
        );
        await hears(grace, [0, 1, 2]);
      });

      test("the token is asked for anew at each handshake", async (t) => {
        const seen: unknown[] = [];
        const on = await stage(t, {
          hooks: {
            authenticate: ({ ext }) => {
              seen.push(ext.token);
              return "ada";
            },
          },
        });
        let tokens = 0;
        const token = async () => {
          tokens += 1;
          return `token ${tokens}`;
        };
        const ada = await on.join({ ...only, token, clock: clientClock(seeded(46), 0.1) });
        const { id } = ada.client;
        await each(5, 0, async (n) => {
          await eventually(() => {
            on.proxy.cutAll();
            return ada.client.state === "reconnecting";
          });
          await on.server.api.rooms.broadcast("defaultRoom", n);
          await hears(ada, range(0, n + 1));
        });
        assert.equal(ada.client.id, id);
        // A handshake that was cut off before it arrived was asked for too.
        assert.deepEqual(seen, [...new Set(seen)]);
        assert.ok(seen.length >= 6 && seen.length <= tokens);
        assert.ok(seen.every((each) => /^token \d+$/.test(String(each))));
      });
    });
  }
});
