import assert from "node:assert/strict";
import { once } from "node:events";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { after, before, describe, test } from "node:test";
import type { Page } from "playwright-core";
import { closeAll, eventually } from "../support/index.ts";
import { startServer, type TestServer } from "../support/server.ts";
import { openBrowser, type TestBrowser } from "./support/chromium.ts";

/** The part of the client that these pages use. */
interface Client {
  events: object;
  connect(): Promise<{ data: { transport: string } }>;
  say(message: string): Promise<unknown>;
  disconnect(): Promise<void>;
}

declare global {
  interface Window {
    actionHeroWebSocket: new (options: object) => Client;
    client: Client;
    heard: string[];
  }
}

/** Faye opens event streams and plain long polls to the page's own origin only. */
const TRANSPORTS = ["websocket", "cross-origin-long-polling", "callback-polling"];

describe("a page of another origin", () => {
  let server: TestServer;
  let browser: TestBrowser;
  const pages = http.createServer((request, response) => {
    const { searchParams } = new URL(request.url ?? "/", "http://localhost");
    const host = searchParams.get("server");
    response.setHeader("content-type", "text/html; charset=utf-8");
    response.end(
      host === null
        ? "<!doctype html><title>empty</title>"
        : `<!doctype html><title>elsewhere</title><link rel="icon" href="data:,">
           <script src="${host}/faye/client.js"></script>
           <script src="${host}/public/javascript/actionHeroWebSocket.js"></script>`,
    );
  });
  const origin = (name: string) => `http://${name}:${(pages.address() as AddressInfo).port}`;

  before(async () => {
    pages.listen(0);
    await once(pages, "listening");
    server = await startServer({ config: { servers: { web: { allowedOrigins: [origin("127.0.0.1")] } } } });
    browser = await openBrowser();
  });
  after(async () => {
    pages.closeAllConnections();
    await closeAll(pages, server, browser);
  });

  async function open(host: string): Promise<Page> {
    const page = await browser.window();
    await page.goto(`${origin(host)}/?server=${encodeURIComponent(server.url)}`);
    return page;
  }

  const connect = (page: Page, transport: string) =>
    page.evaluate(
      async ([host, only]) => {
        window.heard = [];
        window.client = new window.actionHeroWebSocket({ host, transports: [only], connectTimeout: 4000 });
        window.client.events = { say: (message: { message: string }) => window.heard.push(message.message) };
        const details = await window.client.connect();
        return details.data.transport;
      },
      [server.url, transport],
    );

  for (const transport of TRANSPORTS) {
    test(`that is listed talks over ${transport}`, async () => {
      const [ada, grace] = [await open("127.0.0.1"), await open("127.0.0.1")];
      assert.equal(await connect(ada, transport), transport);
      await connect(grace, transport);
      await ada.evaluate(async (word) => window.client.say(word), `hello over ${transport}`);
      await eventually(() =>
        grace.evaluate((word) => window.heard.includes(word), `hello over ${transport}`),
      );
      await Promise.all([ada, grace].map((page) => page.evaluate(() => window.client.disconnect())));
      await eventually(() => server.api.connections.local().length === 0);
      await Promise.all([ada.context().close(), grace.context().close()]);
    });

    test(`that is not listed is refused over ${transport}`, async () => {
      const mallory = await open("localhost");
      await assert.rejects(connect(mallory, transport), /could not connect in time/);
      assert.deepEqual(server.api.connections.local(), []);
      await mallory.context().close();
    });
  }
});
