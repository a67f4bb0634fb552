/** The stock CometD client in a page, with all of its extensions. */
import assert from "node:assert/strict";
import { once } from "node:events";
import http from "node:http";
import { dirname } from "node:path";
import { after, before, describe, type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import type { Page } from "playwright-core";
import { each, ROOM, range, type Stage, stage } from "../cuts/stage.ts";
import { startBadProxy } from "../support/bad-proxies.ts";
import { eventually } from "../support/index.ts";
import { startServer } from "../support/server.ts";
import { lineOf, type Message } from "../wire/support/messages.ts";
import { openBrowser, type TestBrowser } from "./support/chromium.ts";

const COMETD = dirname(fileURLToPath(import.meta.resolve("cometd")));
const pages = fileURLToPath(new URL("pages", import.meta.url));
const BYTES = [0, 1, 127, 128, 255];

/** What these pages use of it. */
interface CometD {
  configure(options: object): void;
  unregisterTransport(name: string): unknown;
  registerExtension(name: string, extension: object): void;
  handshake(done: (reply: Message) => void): void;
  subscribe(channel: string, heard: (message: Message) => void, done: (reply: Message) => void): unknown;
  publishBinary(
    channel: string,
    data: Uint8Array,
    last: boolean,
    meta: object,
    done: (reply: Message) => void,
  ): void;
  disconnect(done: () => void): void;
  reload(): void;
}

interface CometdPage {
  cometd: CometD;
  heard: Message[];
}

describe("CometD in a page", { concurrency: 3 }, () => {
  let browser: TestBrowser;
  before(async () => {
    browser = await openBrowser();
  });
  after(async () => {
    await browser.close();
    assert.deepEqual(browser.errors, []);
  });

  /** Loads the client, which takes up what the page before it had, if there was one. */
  const load = (page: Page, transport?: string, server?: string): Promise<void> =>
    page.evaluate(
      async ([transport, server]) => {
        const here = window as unknown as CometdPage;
        const part = (name: string): Promise<Record<string, new () => object>> =>
          import(`/public/${name}.js`);
        here.cometd = new (await part("cometd")).CometD!() as CometD;
        for (const other of ["websocket", "long-polling", "callback-polling"])
          if (transport !== undefined && other !== transport) here.cometd.unregisterTransport(other);
        here.cometd.configure({ url: `${server ?? location.origin}/faye`, logLevel: "warn" });
        for (const name of ["Ack", "Binary", "TimeStamp", "TimeSync", "Reload"])
          here.cometd.registerExtension(name, new (await part(`${name}Extension`))[`${name}Extension`]!());
        here.heard = JSON.parse(sessionStorage.getItem("heard") ?? "[]");
        window.onbeforeunload = () => {
          here.cometd.reload();
          sessionStorage.setItem("heard", JSON.stringify(here.heard));
        };
      },
      [transport, server] as const,
    );

  /** Shakes hands, and subscribes before anything else can come; the reply to the handshake. */
  const shake = (page: Page, channel: string): Promise<Message> =>
    page.evaluate((channel) => {
      const here = window as unknown as CometdPage;
      return new Promise<Message>((resolve, reject) =>
        here.cometd.handshake((reply) => {
          const { connectionId } = (reply.ext as { actionwire: { connectionId: string } }).actionwire;
          here.cometd.subscribe(
            channel.replace("*", connectionId),
            ({ data }) => here.heard.push(data as Message),
            ({ successful, error }) => (successful ? resolve(reply) : reject(new Error(String(error)))),
          );
        }),
      );
    }, channel);

  const heard = async (page: Page): Promise<number[]> =>
    (await page.evaluate(() => (window as unknown as CometdPage).heard))
      .filter(({ context }) => context === "user")
      .map(({ message }) => message as number);

  const bytes = (page: Page): Promise<number[]> =>
    page.evaluate(() =>
      (window as unknown as CometdPage).heard.flatMap(({ data }) => [...new Uint8Array(data as ArrayBuffer)]),
    );

  async function open(t: TestContext, on: Stage, transport?: string, server?: string): Promise<Page> {
    const page = await browser.window();
    t.after(() => page.context().close());
    await page.goto(`${on.server.url}/public/empty.html`);
    await load(page, transport, server);
    return page;
  }

  test("160: of another origin, its upgrades refused, ends on long-polling, and asks first once for each path", async (t) => {
    const on = await stage(t, { publicDirs: [pages, COMETD] });
    const server = http.createServer();
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const config = { servers: { web: { allowedOrigins: [on.server.url] } } };
    const other = on.own(await startServer({ server, config }));
    const asked: string[] = [];
    server.on("request", ({ method, url }) => {
      if (method === "OPTIONS") asked.push(String(url));
    });
    on.own(server);
    const proxy = on.own(await startBadProxy("refuses to upgrade", other.port));
    const page = await open(t, on, undefined, proxy.url);
    const { connectionId } = (
      (await shake(page, lineOf("*"))).ext as { actionwire: { connectionId: string } }
    ).actionwire;
    assert.ok(proxy.deeds > 0);
    for (let n = 0; n < 10; n += 1) await other.api.rooms.broadcast(ROOM, n);
    await eventually(async () => assert.deepEqual(await heard(page), range(0, 10)));
    assert.equal((await other.api.connections.get(connectionId))?.transport, "cross-origin-long-polling");
    await page.evaluate(
      () =>
        new Promise<void>((resolve) => (window as unknown as CometdPage).cometd.disconnect(() => resolve())),
    );
    assert.deepEqual(asked.sort(), ["/faye/", "/faye/connect", "/faye/disconnect", "/faye/handshake"]);
  });

  for (const transport of ["websocket", "long-polling", "callback-polling"]) {
    test(`over ${transport}: reloaded while the room talks, it is who it was, and misses nothing`, async (t) => {
      const on = await stage(t, { publicDirs: [pages, COMETD] });
      const page = await open(t, on, transport);
      const first = await shake(page, lineOf("*"));

      const talk = each(60, 50, (n) => on.server.api.rooms.broadcast(ROOM, n));
      await eventually(async () => (await heard(page)).length >= 20);
      await page.reload();
      await load(page, transport);
      const again = await shake(page, lineOf("*"));
      assert.deepEqual(again.ext, { ...(first.ext as object), reload: true });
      assert.equal(again.clientId, first.clientId);
      await talk;

      await eventually(async () => assert.equal((await heard(page)).at(-1), 59));
      // What the page that went away had not acknowledged comes again.
      const both = await heard(page);
      assert.deepEqual(
        both.filter((n, at) => both.indexOf(n) === at),
        range(0, 60),
      );
      assert.equal(on.handshakes(), 1);
    });

    test(`over ${transport}: bytes arrive as they were sent`, async (t) => {
      const on = await stage(t, { publicDirs: [pages, COMETD], hooks: { authorizeChannel: () => true } });
      const [sender, receiver] = [await open(t, on, transport), await open(t, on, transport)];
      for (const page of [sender, receiver]) {
        const { ext } = await shake(page, "/bytes");
        assert.equal(typeof (ext as { timesync: { ts: number } }).timesync.ts, "number");
      }
      const said = await sender.evaluate((bytes) => {
        const { cometd } = window as unknown as CometdPage;
        return new Promise<Message>((resolve) =>
          cometd.publishBinary("/bytes", new Uint8Array(bytes), true, {}, resolve),
        );
      }, BYTES);
      assert.equal(said.successful, true);
      for (const page of [sender, receiver]) {
        await eventually(async () => assert.deepEqual(await bytes(page), BYTES));
      }
    });
  }
});
