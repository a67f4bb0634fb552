import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { closeAll, eventually, type ServerProcess, spawnServer } from "../support/index.ts";
import { ChatPage } from "./support/chat-page.ts";
import { openBrowser, type TestBrowser } from "./support/chromium.ts";

describe("the demo's page with a keyboard alone", () => {
  let server: ServerProcess;
  let browser: TestBrowser;
  let chat: ChatPage;

  before(async () => {
    server = await spawnServer();
    browser = await openBrowser();
    chat = await ChatPage.open(await browser.window(), server.url, "Ada");
  });
  after(() => closeAll(server, browser));

  /** Presses Tab until this has the focus, and checks on the way that one always sees where it is. */
  async function tabTo(selector: string): Promise<void> {
    for (let presses = 0; presses < 60; presses += 1) {
      await chat.page.keyboard.press("Tab");
      const at = await chat.page.evaluate((wanted) => {
        const focused = document.activeElement;
        if (focused === null || focused === document.body)
          return { there: false, seen: true, what: "the page" };
        const style = getComputedStyle(focused);
        return {
          there: focused.matches(wanted),
          seen: style.outlineStyle !== "none" && Number.parseFloat(style.outlineWidth) >= 2,
          what: focused.outerHTML.slice(0, 80),
        };
      }, selector);
      assert.ok(at.seen, `the focus is visible on ${at.what}`);
      if (at.there) return;
    }
    assert.fail(`Tab never reaches ${selector}`);
  }

  const keys = (text: string) => chat.page.keyboard.type(text);
  const press = (key: string) => chat.page.keyboard.press(key);

  test("the message field has the focus; Enter sends, Shift + Enter does not", async () => {
    await keys("first");
    await press("Shift+Enter");
    await keys("second");
    await press("Enter");
    await chat.allSent();
    assert.deepEqual(
      (await chat.messages()).map(({ text }) => text),
      ["first\nsecond"],
    );
    await keys("and on");
    await press("Enter");
    await eventually(async () => (await chat.messages()).length === 2);
  });

  test("another name", async () => {
    await tabTo("#me");
    await press("Enter");
    await keys("Countess");
    await press("Enter");
    await eventually(async () => (await chat.page.locator("#me-name").textContent()) === "Countess");
    await press("Enter");
    await press("Escape");
    await chat.page.locator("#name-dialog").waitFor({ state: "hidden" });
    assert.equal(await chat.page.locator("#me-name").textContent(), "Countess");
  });

  test("another room, and listening to one beside it", async () => {
    await tabTo("#room-name-new");
    await keys("library");
    await press("Enter");
    await eventually(async () => (await chat.page.locator("#room-title").textContent()) === "library");
    await tabTo('.ear[aria-label="Keep listening to coffee"]');
    await press("Space");
    const bell = chat.page.getByRole("button", { name: "Keep listening to coffee" });
    await eventually(async () => (await bell.getAttribute("aria-pressed")) === "true");
    assert.ok(await bell.evaluate((button) => button === document.activeElement), "the focus stays");
  });

  test("an action", async () => {
    await tabTo('[name="b"]');
    await keys("40");
    await press("Enter");
    await chat.page.locator("#answer-body", { hasText: '"sum": 42' }).waitFor();
  });

  test("the log can be scrolled, and is announced politely", async () => {
    await tabTo("#log");
    const log = chat.page.getByRole("log", { name: "Messages" });
    await log.waitFor();
    assert.deepEqual(browser.errors, []);
  });

  test("every control has a name", async () => {
    const nameless = await chat.page.locator("button, input, select, textarea").evaluateAll((controls) =>
      controls
        .filter((control) => {
          const labels = "labels" in control ? (control.labels as NodeListOf<HTMLLabelElement> | null) : null;
          const label =
            control.getAttribute("aria-label") ?? labels?.[0]?.textContent ?? control.textContent ?? "";
          return label.trim() === "" && control.id !== "latest";
        })
        .map((control) => control.outerHTML),
    );
    assert.deepEqual(nameless, []);
  });
});
