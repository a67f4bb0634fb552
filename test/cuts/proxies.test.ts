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
  { proxy: "refuses to upgrade" },
  { proxy: "passes an upgrade on as an ordinary request" },
  // Within the 30 s that a first connect may take, however long connects are held.
  { proxy: "accepts an upgrade and goes silent", timeout: 25 },
  { proxy: "cuts off what is long", because: /^websocket failed/ },
  { proxy: "forgets sockets without a word", because: /^websocket failed/ },
  { proxy: "knows no chunks", transports: POLLING },
  { proxy: "repeats what is posted", transports: POLLING },
  { proxy: "repeats what is posted when it has lost the answer", transports: POLLING },
  { proxy: "takes its time", transports: POLLING, count: 15 },
  { proxy: "cuts answers short", transports: POLLING, count: 25 },
];

/** About as many as a frame has bytes. */
const POSITIONS = 200;

describe("behind a proxy that", { concurrency: 6 }, () => {
  for (const { proxy: name, transports, because, timeout = 2, count = 60 } of CASES) {
    test(name, async (t) => {
      const on = await stage(t, { config: { faye: { timeout } } });
      const proxy = on.own(await startBadProxy(name, on.server.port));
      const grace = await on.join({ host: on.server.url });
      const clock = clientClock(seeded(1), 0.1);
      const since = performance.now();
      const seconds = (): string => ((performance.now() - since) / 1000).toFixed(1);
      const ada = await on.join({ host: proxy.url, clock, ...(transports && { transports }) });
      t.diagnostic(`connected after ${seconds()} s`);
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
      t.diagnostic(`all is heard after ${seconds()} s`);
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
      const said: Promise<unknown>[] = [];
      while (proxy.deeds < POSITIONS) {
        assert.ok(count < 2_000, `${proxy.deeds} cuts only`);
        await on.server.api.rooms.broadcast(ROOM, count);
        if (count % 5 === 0) said.push(...crowd.map(({ client }, n) => client.say(`${n}: ${count}`)));
        count += 1;
        await sleep(20);
      }
      proxy.reform();
      for (const one of crowd) {
        await hears(one, range(0, count));
        assert.deepEqual(one.gaps(), []);
      }
      await Promise.all(said);
      for (const [n] of crowd.entries()) {
        const expected = range(0, Math.ceil(count / 5)).map((k) => `${n}: ${5 * k}`);
        await eventually(() => assert.deepEqual(grace.words(`${n}: `), expected));
      }
    });
  }
});
