import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { closeAll, eventually, type ServerProcess, spawnServer } from "../support/index.ts";
import { ChatPage } from "./support/chat-page.ts";
import { openBrowser, type TestBrowser } from "./support/chromium.ts";

describe("rooms on the demo's page", () => {
  let server: ServerProcess;
  let browser: TestBrowser;
  let ada: ChatPage;
  let grace: ChatPage;

  before(async () => {
    server = await spawnServer();
    browser = await openBrowser();
    ada = await ChatPage.open(await browser.window(), server.url, "Ada");
    grace = await ChatPage.open(await browser.window(), server.url, "Grace");
  });
  after(() => closeAll(server, browser));

  const unread = (chat: ChatPage, room: string) =>
    chat.page.getByRole("listitem").filter({ hasText: room }).locator(".badge").textContent();

  test("whoever goes to another room is announced as gone, and hears nothing of the first", async () => {
    await grace.enter("kitchen");
    await ada.notes("Grace left");
    await ada.say("only for this room");
    await ada.allSent();
    assert.deepEqual(await grace.messages(), []);
  });

  test("a room that is listened to counts what is unread, and shows it on entering", async () => {
    const bell = ada.page.getByRole("button", { name: "Keep listening to coffee" });
    await bell.click();
    await eventually(async () => (await bell.getAttribute("aria-pressed")) === "true");
    await grace.enter("coffee");
    // Listening takes effect with its answer, so it is said until it is heard.
    await eventually(
      async () => {
        await grace.say("fresh coffee");
        await grace.allSent();
        return /^[1-9]/.test((await unread(ada, "coffee")) ?? "");
      },
      { interval: 200 },
    );
    await ada.enter("coffee");
    const heard = (await ada.messages()).filter(({ name }) => name === "Grace");
    assert.ok(heard.length > 0 && heard.every(({ text }) => text === "fresh coffee"));
    assert.match((await unread(ada, "coffee")) ?? "", /^0/);
    await ada.say("on my way");
    await grace.hears("Ada", ["on my way"]);
  });

  test("what people write is text, never markup", async () => {
    const hostile = `<img src=x onerror="document.title='taken'"><script>document.title='taken'</script>`;
    await grace.say(hostile);
    await eventually(async () => (await ada.messages()).some(({ text }) => text === hostile));
    assert.equal(await ada.page.locator("#log img, #log script").count(), 0);
    assert.notEqual(await ada.page.title(), "taken");
  });

  test("a room with a strange name is a room like any other", async () => {
    const room = "büro/3 {a} <b>&?#";
    await ada.enter(room);
    await grace.enter(room);
    await ada.say("found it");
    await grace.hears("Ada", ["found it"]);
    await grace.page.reload();
    await grace.inState("connected");
    await eventually(async () => (await grace.page.locator("#room-title").textContent()) === room);
    assert.deepEqual(browser.errors, []);
  });

  test("actions are called from the panel, and their failures are shown", async () => {
    const { page } = ada;
    await page.getByLabel("First number").fill("40");
    await page.getByLabel("Second number").fill("2");
    await page.getByRole("button", { name: "Add" }).click();
    await page.locator("#answer-body", { hasText: '"sum": 42' }).waitFor();
    await page.getByRole("button", { name: "Ask" }).click();
    await page.locator("#answer-body", { hasText: '"connections": 2' }).waitFor();
    await page.getByLabel("Milliseconds to sleep").fill("50");
    await page.getByRole("button", { name: "Sleep" }).click();
    await page.locator("#answer-body", { hasText: '"sleepDuration": 50' }).waitFor();
  });

  test("hanging up and connecting again is the person's choice", async () => {
    const { page } = ada;
    await page.getByRole("button", { name: "Disconnect" }).click();
    await ada.inState("disconnected");
    await page.getByRole("button", { name: "Connect", exact: true }).click();
    await ada.inState("connected");
  });
});
