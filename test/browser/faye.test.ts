/** The stock Faye client, as the server gives it to pages: no client of ours, on every transport. */
import assert from "node:assert/strict";
import { once } from "node:events";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, describe, type TestContext, test } from "node:test";
import type { Page } from "playwright-core";
import { startBadProxy } from "../support/bad-proxies.ts";
import { closeAll, eventually } from "../support/index.ts";
import type { TestServer } from "../support/server.ts";
import { startApp } from "../wire/support/app.ts";
import { LINE, type Message } from "../wire/support/messages.ts";
import { FAYES_OWN, openBrowser, type TestBrowser } from "./support/chromium.ts";

interface FayePage {
  readonly Faye: { readonly Client: new (url: string) => FayeClient };
  faye: FayeClient;
  line: string;
  heard: Message[];
}

interface FayeClient {
  disable(transport: string): void;
  addExtension(extension: object): void;
  subscribe(channel: string, heard: (data: Message) => void): PromiseLike<void>;
  publish(channel: string, data: unknown): PromiseLike<void>;
  disconnect(): PromiseLike<void>;
}

/** By Faye, in this order. */
const PREFERRED = [
  "websocket",
  "eventsource",
  "long-polling",
  "cross-origin-long-polling",
  "callback-polling",
];

/** Faye opens event streams and plain long polls to the page's own origin only. */
const TRANSPORTS = [
  ["websocket", "own"],
  ["eventsource", "own"],
  ["long-polling", "own"],
  ["callback-polling", "own"],
  ["websocket", "other"],
  ["cross-origin-long-polling", "other"],
  ["callback-polling", "other"],
] as const;

describe("stock Faye in a page", { concurrency: 3 }, () => {
  let server: TestServer;
  let browser: TestBrowser;
  const elsewhere = http.createServer((_request, response) => {
    response.setHeader("content-type", "text/html; charset=utf-8");
    response.end("<!doctype html><title>elsewhere</title><link rel=icon href=data:,>");
  });
  const other = () => `http://127.0.0.1:${(elsewhere.address() as AddressInfo).port}`;

  before(async () => {
    elsewhere.listen(0, "127.0.0.1");
    await once(elsewhere, "listening");
    server = await startApp({ config: { servers: { web: { allowedOrigins: [other()] } } } });
    browser = await openBrowser();
  });
  after(async () => {
    elsewhere.closeAllConnections();
    await closeAll(elsewhere, browser, server);
    assert.deepEqual(
      browser.errors.filter((error) => !FAYES_OWN.test(error)),
      [],
    );
  });

  /** A page whose client has its line; `url` is where it looks for the server. */
  async function open(
    t: TestContext,
    transport: string,
    origin: "own" | "other",
    url = server.url,
  ): Promise<Page> {
    const page = await browser.window();
    t.after(() => page.context().close());
    await page.goto(origin === "own" ? `${server.url}/healthz` : other());
    await page.addScriptTag({ url: `${server.url}/faye/client.js` });
    await page.evaluate(
      async ([url, line, disabled]) => {
        const here = window as unknown as FayePage;
        here.heard = [];
        here.faye = new here.Faye.Client(url);
        for (const type of disabled) here.faye.disable(type);
        const id = new Promise<string>((resolve) =>
          here.faye.addExtension({
            incoming(message: Message, next: (message: Message) => void) {
              const { actionwire } = (message.ext ?? {}) as { actionwire?: { connectionId: string } };
              if (message.channel === "/meta/handshake") resolve(String(actionwire?.connectionId));
              next(message);
            },
          }),
        );
        await here.faye.publish("/_welcome", "hello");
        here.line = line + (await id);
        await here.faye.subscribe(here.line, (data) => here.heard.push(data));
      },
      // It shakes hands by requests, and takes the best of what is left then.
      [`${url}/faye`, LINE, PREFERRED.slice(0, PREFERRED.indexOf(transport))] as const,
    );
    return page;
  }

  const publish = (page: Page, data: Message): Promise<void> =>
    page.evaluate(async (data) => {
      const { faye, line } = window as unknown as FayePage;
      await faye.publish(line, data);
    }, data);

  /** What came that has these properties. */
  async function hears(page: Page, part: Message): Promise<Message> {
    const fits = (data: Message) => Object.entries(part).every(([key, value]) => data[key] === value);
    return eventually(async () => {
      const heard = await page.evaluate(() => (window as unknown as FayePage).heard);
      return heard.find(fits) ?? null;
    });
  }

  test("159: of another origin, its upgrades refused, ends on cross-origin-long-polling", async (t) => {
    const proxy = await startBadProxy("refuses to upgrade", server.port);
    t.after(() => proxy.close());
    const page = await open(t, "websocket", "other", proxy.url);
    await eventually(async () => {
      const messageId = String(Math.random());
      await publish(page, { event: "detailsView", messageId });
      const { data } = await hears(page, { messageId });
      assert.equal((data as Message).transport, "cross-origin-long-polling");
    });
    assert.ok(proxy.deeds > 0);
    await publish(page, { event: "action", params: { action: "add", a: 1, b: 2 }, messageId: "sum" });
    assert.equal((await hears(page, { messageId: "sum" })).sum, 3);
    await page.evaluate(() => void (window as unknown as FayePage).faye.disconnect());
  });

  for (const [transport, origin] of TRANSPORTS) {
    test(`of ${origin === "own" ? "the server's" : "another"} origin talks and acts over ${transport}`, async (t) => {
      const [ada, grace] = [await open(t, transport, origin), await open(t, transport, origin)];
      const room = `${transport} ${origin}`;
      for (const page of [ada, grace]) await publish(page, { event: "roomChange", room, messageId: "in" });
      for (const page of [ada, grace]) assert.equal((await hears(page, { messageId: "in" })).status, "OK");
      for (let n = 0; n < 10; n += 1) await publish(ada, { event: "say", message: n });
      await hears(grace, { message: 9 });
      const heard = await grace.evaluate(() => (window as unknown as FayePage).heard);
      assert.deepEqual(
        heard.map(({ message }) => message).filter((message) => typeof message === "number"),
        [...Array(10).keys()],
      );
      await publish(ada, { event: "action", params: { action: "add", a: 1, b: 2 }, messageId: "sum" });
      assert.equal((await hears(ada, { messageId: "sum" })).sum, 3);
      await eventually(async () => {
        const messageId = String(Math.random());
        await publish(ada, { event: "detailsView", messageId });
        const { data } = await hears(ada, { messageId });
        assert.deepEqual([(data as Message).transport, (data as Message).type], [transport, "webSocket"]);
      });
      for (const page of [ada, grace])
        await page.evaluate(() => void (window as unknown as FayePage).faye.disconnect());
    });
  }
});
