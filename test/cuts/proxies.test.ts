/** Proxies as they are met outside. Behind each of them ours finds a way, and nothing is lost, doubled or out of order. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { startBadProxy, type ViceName } from "../support/bad-proxies.ts";
import { eventually } from "../support/index.ts";
import { each, hears, ROOM, range, stage } from "./stage.ts";
import { clientClock, seeded } from "./weather.ts";

interface Case {
  readonly proxy: ViceName;
  /** Until all that was said is heard, from before the connect. More than twice what is seen; docs/reliability.md has both. */
  readonly seconds: number;
  /** What it may use; all by default. */
  readonly transports?: readonly string[];
  /** The reason of the `reconnect` that tells of another transport; left out where it is found out while connecting, or none is needed. */
  readonly because?: RegExp;
  /** Seconds a connect is held; 2 by default. */
  readonly timeout?: number;
  /** Numbers that are said on each side; 60 by default. */
  readonly count?: number;
}

const POLLING = ["long-polling"];

/** What such proxies do to event streams is in the browser's tests: Node has none. */
const CASES: readonly Case[] = [
  { proxy: "refuses to upgrade", seconds: 30 },
  { proxy: "passes an upgrade on as an ordinary request", seconds: 30 },
  // Within the 30 s that a first connect may take, however long connects are held.
  { proxy: "accepts an upgrade and goes silent", seconds: 60, timeout: 25 },
  { proxy: "cuts off what is long", seconds: 30, because: /^websocket failed/ },
  { proxy: "forgets sockets without a word", seconds: 30, because: /^websocket failed/ },
  { proxy: "knows no chunks", seconds: 30, transports: POLLING },
  { proxy: "repeats what is posted", seconds: 30, transports: POLLING },
  { proxy: "repeats what is posted when it has lost the answer", seconds: 30, transports: POLLING },
  { proxy: "takes its time", seconds: 30, transports: POLLING, count: 15 },
  { proxy: "cuts answers short", seconds: 30, transports: POLLING, count: 25 },
];

const codeOf = ({ code }: { code: string }): string => code;

describe("behind a proxy that", { concurrency: 6 }, () => {
  for (const { proxy: name, seconds, transports, because, timeout = 2, count = 60 } of CASES) {
    test(name, async (t) => {
      const on = await stage(t, { config: { faye: { timeout } } });
      const proxy = on.own(await startBadProxy(name, on.server.port));
      const grace = await on.join({ host: on.server.url });
      const clock = clientClock(seeded(1), 0.1);
      const since = performance.now();
      const took = (): number => (performance.now() - since) / 1000;
      const ada = await on.join({ host: proxy.url, clock, ...(transports && { transports }) });
      t.diagnostic(`connected after ${took().toFixed(1)} s`);
      await Promise.all([
        each(count, 80, (n) => on.server.api.rooms.broadcast(ROOM, n)),
        each(count, 80, (n) => ada.client.say(`ada ${n}`)),
      ]);
      await hears(ada, range(0, count));
      const said = range(0, count).map((n) => `ada ${n}`);
      await eventually(() => assert.deepEqual(grace.words("ada "), said));
      assert.deepEqual(ada.gaps(), []);
      assert.ok(proxy.deeds > 0, "the proxy did nothing");
      // All of these let requests pass; the last one may just have been cut short.
      await eventually(() => assert.equal(ada.client.transport, "long-polling"));
      const all = took();
      t.diagnostic(`all is heard after ${all.toFixed(1)} s`);
      assert.ok(all < seconds, `${all.toFixed(1)} s`);
      const changes = ada.fired
        .filter(({ name }) => name === "reconnect")
        .map(({ value }) => value)
        .filter(({ transport, previousTransport }) => transport !== previousTransport);
      assert.equal(changes.length, because ? 1 : 0, JSON.stringify(changes));
      if (because) assert.match(String(changes[0]!.reason), because);
    });
  }

  for (const name of ["cuts what a room hears at each byte", "cuts what is said at each byte"] as const) {
    test(name, async (t) => {
      const on = await stage(t);
      const proxy = on.own(await startBadProxy(name, on.server.port));
      const grace = await on.join({ host: on.server.url });
      const crowd = await Promise.all(
        range(0, 8).map((n) =>
          on.join({ host: proxy.url, transports: ["websocket"], clock: clientClock(seeded(n), 0) }),
        ),
      );
      let count = 0;
      let unknown = 0;
      // By client, one each fifth time: what became of it.
      const said: Promise<string>[][] = crowd.map(() => []);
      while (proxy.deeds === 0 || proxy.bytes.left > 0) {
        assert.ok(count < 4_000, `${proxy.deeds} cuts, and ${JSON.stringify(proxy.bytes)}`);
        await on.server.api.rooms.broadcast(ROOM, count);
        if (count % 5 === 0) {
          for (const [n, { client }] of crowd.entries()) {
            said[n]!.push(client.say(`${n}: ${count}`).then(() => "done", codeOf));
          }
        }
        count += 1;
        await sleep(20);
      }
      t.diagnostic(`${proxy.deeds} cuts, at each of ${proxy.bytes.longest} bytes`);
      proxy.reform();
      for (const one of crowd) {
        await hears(one, range(0, count));
        assert.deepEqual(one.gaps(), []);
      }
      // What has cost one line after the other is not sent again: then nobody knows.
      for (const [n, outcomes] of (await Promise.all(said.map((one) => Promise.all(one)))).entries()) {
        const words = outcomes.map((_, k) => `${n}: ${5 * k}`);
        const those = (outcome: string) => words.filter((_, k) => outcomes[k] === outcome);
        assert.equal(those("done").length + those("outcome_unknown").length, words.length, String(outcomes));
        unknown += those("outcome_unknown").length;
        await eventually(() => {
          const heard = new Set(grace.words(`${n}: `));
          assert.deepEqual(
            those("done").filter((word) => !heard.has(word)),
            [],
          );
        });
        const heard = new Set(grace.words(`${n}: `));
        assert.deepEqual(
          grace.words(`${n}: `),
          words.filter((word) => heard.has(word)),
        );
      }
      const all = crowd.length * Math.ceil(count / 5);
      t.diagnostic(`${unknown} of ${all} says ended with an unknown outcome`);
      assert.ok(unknown < all / 10, `${unknown} of ${all}`);
    });
  }
});
