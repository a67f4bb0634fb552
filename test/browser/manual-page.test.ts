import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { closeAll, collector, type ServerProcess, spawnServer } from "../support/index.ts";
import { ChatPage } from "./support/chat-page.ts";
import { openBrowser, type TestBrowser } from "./support/chromium.ts";

const UUID = /[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}/;

describe("the manual's example page", () => {
  let server: ServerProcess;
  let browser: TestBrowser;

  before(async () => {
    server = await spawnServer();
    browser = await openBrowser();
  });
  after(() => closeAll(server, browser));

  test("is there, word for word", async () => {
    const page = await browser.window();
    await page.goto(`${server.url}/public/websockets.html`);
    assert.equal(await page.title(), "Websocket Example");
    assert.equal(await page.getByRole("heading", { level: 1 }).textContent(), "Websocket Example");
    await page.getByText("Open the Console for more information.").waitFor();
  });

  test("logs CONNECTED and the details, then what is said", async () => {
    const page = await browser.window();
    const logged = collector<string>();
    page.on("console", async (message) => {
      const values = await Promise.all(message.args().map((arg) => arg.jsonValue().catch(() => null)));
      logged.push(
        values.map((value) => (typeof value === "string" ? value : JSON.stringify(value))).join(" "),
      );
    });
    await page.goto(`${server.url}/public/websockets.html`);
    await logged.find((line) => line.includes("CONNECTED"));
    const details = await logged.find((line) => line.includes('"room"') && UUID.test(line));
    assert.match(details, /"defaultRoom"/);
    assert.match(details, /"webSocket"/);

    const ada = await ChatPage.open(await browser.window(), server.url, "Ada");
    await ada.say("hello, console");
    await logged.find((line) => line.includes("SAY:"));
    await logged.find((line) => line.includes("hello, console"));
    assert.deepEqual(browser.errors, []);
  });
});
