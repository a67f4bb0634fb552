/** A page whose connections are cut at random, over the transports that only browsers have, and the others. */
import assert from "node:assert/strict";
import { once } from "node:events";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, describe, type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import type { Page } from "playwright-core";
import type { ActionHeroWebSocket, ClientOptions, Reconnected } from "../../src/client/index.ts";
import { each, ROOM, range, type Stage, stage } from "../cuts/stage.ts";
import { seeded, storm } from "../cuts/weather.ts";
import { startBadProxy, type ViceName } from "../support/bad-proxies.ts";
import { closeAll, eventually } from "../support/index.ts";
import { FAYES_OWN, openBrowser, type TestBrowser } from "./support/chromium.ts";

const COUNT = 200;
const pages = fileURLToPath(new URL("pages", import.meta.url));

interface CutPage {
  readonly actionHeroWebSocket: new (options: ClientOptions) => ActionHeroWebSocket;
  client: ActionHeroWebSocket;
  said: string[];
  gaps: unknown[];
  codes: string[];
  back: Reconnected[];
}

/** Transports of a page of the server's own origin, and of a page of another one. */
const TRANSPORTS = [
  ["websocket", "own"],
  ["eventsource", "own"],
  ["long-polling", "own"],
  ["callback-polling", "own"],
  ["cross-origin-long-polling", "other"],
  ["callback-polling", "other"],
] as const;

/**
 * What some proxies do to event streams, what is used then, and within how many seconds all is heard: more than twice what is seen;
 * docs/reliability.md has both. A stream that was cut is opened again by the browser.
 */
const STREAM_PROXIES: readonly (readonly [ViceName, string, number])[] = [
  ["holds event streams back", "long-polling", 30],
  ["knows no chunks", "long-polling", 30],
  ["cuts off what is long", "eventsource", 30],
];

describe("a page", { concurrency: 3 }, () => {
  let browser: TestBrowser;
  const elsewhere = http.createServer((_request, response) => {
    response.setHeader("content-type", "text/html; charset=utf-8");
    response.end("<!doctype html><title>elsewhere</title><link rel=icon href=data:,>");
  });

  before(async () => {
    elsewhere.listen(0, "127.0.0.1");
    await once(elsewhere, "listening");
    browser = await openBrowser();
  });
  after(async () => {
    elsewhere.closeAllConnections();
    await closeAll(elsewhere, browser);
    assert.deepEqual(
      browser.errors.filter((error) => !FAYES_OWN.test(error)),
      [],
    );
  });

  const other = () => `http://127.0.0.1:${(elsewhere.address() as AddressInfo).port}`;

  /** A connected client in a page of its own, behind a proxy. */
  async function open(
    t: TestContext,
    on: Stage,
    transports: readonly string[],
    { origin = "own", proxy = on.proxy.url }: { origin?: "own" | "other"; proxy?: string } = {},
  ): Promise<Page> {
    const page = await browser.window();
    t.after(() => page.context().close());
    const home = origin === "own" ? `${proxy}/public/empty.html` : other();
    await page.goto(home);
    for (const path of ["/faye/client.js", "/public/javascript/actionHeroWebSocket.js"])
      await page.addScriptTag({ url: on.server.url + path });
    const carrier = await page.evaluate(
      async ([host, transports]) => {
        const here = window as unknown as CutPage;
        const clock = {
          now: () => Date.now(),
          setTimeout: (run: () => void, ms: number) => setTimeout(run, ms),
          clearTimeout: (timer: unknown) => clearTimeout(timer as number),
          // Back as soon as may be, so that there is more to cut.
          random: () => Math.random() * 0.1,
        };
        here.said = [];
        here.gaps = [];
        here.codes = [];
        here.back = [];
        here.client = new here.actionHeroWebSocket({
          host,
          transports: [...transports],
          offlineQueue: 1_000,
          clock,
        });
        here.client.events = {
          say: ({ message }) => here.said.push(String(message)),
          gap: ({ gap }) => here.gaps.push(gap),
          reconnect: (how) => here.back.push({ ...how }),
        };
        await here.client.connect();
        return here.client.transport;
      },
      [proxy, transports] as const,
    );
    // An event stream is opened after the handshake, if it is.
    if (transports.length === 1 && carrier !== transports[0]) {
      await eventually(async () =>
        assert.equal(
          await page.evaluate(() => (window as unknown as CutPage).client.transport),
          transports[0],
        ),
      );
    }
    return page;
  }

  for (const [transport, origin] of TRANSPORTS) {
    test(`of ${origin === "own" ? "the server's" : "another"} origin over ${transport}, whose connections are cut, hears and says everything once, in order`, async (t) => {
      const config = { servers: { web: { allowedOrigins: [other()] } } };
      const on = await stage(t, { config, publicDirs: [pages] });
      const grace = await on.join({ host: on.server.url });
      const page = await open(t, on, [transport], { origin });
      const cuts = storm(seeded(51), 300, () => on.proxy.cutAll());
      t.after(() => cuts.stop());
      await page.evaluate((count) => {
        const { client, codes } = window as unknown as CutPage;
        let n = 0;
        const next = () => {
          client.say(String(n)).then(
            ({ status }) => codes.push(String(status)),
            ({ code }: { code: string }) => codes.push(code),
          );
          n += 1;
          if (n < count) setTimeout(next, 35);
        };
        next();
      }, COUNT);
      await each(COUNT, 35, (n) =>
        n % 2 === 0 ? on.server.api.rooms.broadcast(ROOM, 1_000 + n) : grace.client.say(String(1_000 + n)),
      );
      cuts.stop();

      const expected = range(1_000, 1_000 + COUNT).map(String);
      await eventually(
        async () => {
          const said = await page.evaluate(() => (window as unknown as CutPage).said);
          assert.deepEqual(
            said.filter((text) => /^\d+$/.test(text)),
            expected,
          );
        },
        { timeout: 20_000, interval: 100 },
      );
      await eventually(
        async () => {
          const codes = await page.evaluate(() => (window as unknown as CutPage).codes);
          assert.deepEqual(codes, new Array(COUNT).fill("OK"));
        },
        { timeout: 20_000, interval: 100 },
      );
      // Grace hears the server's words too.
      const own = () => grace.numbers().filter((n) => n < 1_000);
      await eventually(() => assert.equal(own().length, COUNT));
      assert.deepEqual(own(), range(0, COUNT));
      assert.deepEqual(await page.evaluate(() => (window as unknown as CutPage).gaps), []);
      // How often the client came back says less: browsers repeat some requests by themselves.
      assert.ok(cuts.strikes > 15);
      t.diagnostic(`${cuts.strikes} cuts, ${on.handshakes() - 2} times back`);
    });
  }

  for (const [name, ends, seconds] of STREAM_PROXIES) {
    test(`with an event stream, behind a proxy that ${name}, hears everything once by ${ends}`, async (t) => {
      const on = await stage(t, { config: { faye: { timeout: 2 } }, publicDirs: [pages] });
      const proxy = on.own(await startBadProxy(name, on.server.port));
      const since = performance.now();
      const page = await open(t, on, ["eventsource", "long-polling"], { proxy: proxy.url });
      await each(50, 60, (n) => on.server.api.rooms.broadcast(ROOM, n));
      await eventually(
        async () => {
          const { said, carrier } = await page.evaluate(() => {
            const { said, client } = window as unknown as CutPage;
            return { said, carrier: client.transport };
          });
          assert.deepEqual(said.filter((text) => /^\d+$/.test(text)).map(Number), range(0, 50));
          assert.equal(carrier, ends);
        },
        { timeout: 30_000, interval: 100 },
      );
      assert.deepEqual(await page.evaluate(() => (window as unknown as CutPage).gaps), []);
      assert.ok(proxy.deeds > 0);
      const took = (performance.now() - since) / 1000;
      t.diagnostic(`all is heard after ${took.toFixed(1)} s`);
      assert.ok(took < seconds, `${took.toFixed(1)} s`);
      // What is bad from the start is found out before a stream is used. One that broke after it had carried a reply costs its session.
      const back = await page.evaluate(() => (window as unknown as CutPage).back);
      if (ends !== "eventsource") assert.deepEqual(back, []);
      for (const { reason, resumed } of back) {
        assert.equal(resumed, true);
        assert.match(reason, /^the session has ended/);
      }
    });
  }
});
