import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Page } from "playwright-core";
import { closeAll, eventually, type ServerProcess, spawnServer } from "../support/index.ts";
import { ChatPage } from "./support/chat-page.ts";
import { openBrowser, screenshot, type TestBrowser } from "./support/chromium.ts";

const PHONE = { width: 360, height: 740 };
const DESK = { width: 1280, height: 800 };
const SCHEMES = ["light", "dark"] as const;
const LONG = "averyveryverylongwordwithoutanyplacetobreakitthatmustnotmakethepagescrollsideways".repeat(3);

/** Texts on screen whose contrast is below what WCAG AA asks of text of that size. */
function faintTexts(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const canvas = document.createElement("canvas");
    canvas.width = 1;
    canvas.height = 1;
    const paint = canvas.getContext("2d", { willReadFrequently: true });
    if (paint === null) throw new Error("no canvas");
    const rgba = (color: string): number[] => {
      paint.clearRect(0, 0, 1, 1);
      paint.fillStyle = color;
      paint.fillRect(0, 0, 1, 1);
      return [...paint.getImageData(0, 0, 1, 1).data];
    };
    const luminance = (color: number[]): number => {
      const [r = 0, g = 0, b = 0] = color.map((value) => {
        const part = value / 255;
        return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
      });
      return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const behind = (element: Element | null): number[] => {
      for (let at = element; at !== null; at = at.parentElement) {
        const color = rgba(getComputedStyle(at).backgroundColor);
        if (color[3] === 255) return color;
      }
      return [255, 255, 255, 255];
    };
    const faint: string[] = [];
    const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let node = texts.nextNode(); node !== null; node = texts.nextNode()) {
      const element = node.parentElement;
      const words = node.textContent?.trim() ?? "";
      if (
        element === null ||
        words === "" ||
        !element.checkVisibility() ||
        element.closest("script, noscript, option")
      )
        continue;
      const style = getComputedStyle(element);
      const [a, b] = [luminance(rgba(style.color)), luminance(behind(element))];
      const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
      const large = Number.parseFloat(style.fontSize) >= 24;
      if (contrast < (large ? 3 : 4.5)) faint.push(`${words.slice(0, 40)} (${contrast.toFixed(2)})`);
    }
    return faint;
  });
}

const sideways = (page: Page) =>
  page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);

/** Where the fixed parts of the page are. */
const frame = (page: Page) =>
  page.evaluate(() =>
    ["#me", "#room-title", ".log-frame", "#composer", "#text", "#note"].map((selector) => {
      const { x, y, width, height } =
        document.querySelector(selector)?.getBoundingClientRect() ?? new DOMRect();
      // A heading is as wide as its text.
      return [
        selector,
        Math.round(x),
        Math.round(y),
        selector === "#room-title" ? 0 : Math.round(width),
        Math.round(height),
      ];
    }),
  );

describe("the look of the demo's page", () => {
  let server: ServerProcess;
  let browser: TestBrowser;

  before(async () => {
    server = await spawnServer();
    browser = await openBrowser();
  });
  after(() => closeAll(server, browser));

  for (const colorScheme of SCHEMES) {
    for (const [width, viewport] of [
      ["phone", PHONE],
      ["desk", DESK],
    ] as const) {
      test(`${width}, ${colorScheme}: nothing beside the screen, every text readable`, async () => {
        const chat = await ChatPage.open(
          await browser.window({ viewport, colorScheme }),
          server.url,
          "Ada Lovelace",
        );
        const other = await ChatPage.open(await browser.window(), server.url, "Grace Hopper");
        await screenshot(chat.page, `${width}-${colorScheme}-empty`);
        await other.say("Good morning! Is anybody here?");
        await other.say(LONG);
        await chat.hears("Grace Hopper", ["Good morning! Is anybody here?", LONG]);
        await chat.say("Here. It is quiet today.");
        await chat.allSent();

        const tabs = width === "phone" ? ["Rooms", "People", "Server", "Chat"] : [];
        for (const tab of tabs) {
          await chat.page.getByRole("navigation").getByRole("button", { name: tab }).click();
          assert.equal(await sideways(chat.page), 0, `${tab} fits`);
          assert.deepEqual(await faintTexts(chat.page), []);
          await screenshot(chat.page, `${width}-${colorScheme}-${tab.toLowerCase()}`);
        }
        assert.equal(await sideways(chat.page), 0);
        assert.deepEqual(await faintTexts(chat.page), []);
        await screenshot(chat.page, `${width}-${colorScheme}`);
        await chat.page.context().close();
        await other.page.context().close();
      });
    }
  }

  test("nothing jumps when the line breaks and comes back", async () => {
    for (const viewport of [PHONE, DESK]) {
      const chat = await ChatPage.open(await browser.window({ viewport }), server.url, "Ada");
      await chat.carriedBy("WebSocket");
      const still = await frame(chat.page);
      // It comes back to a server that is whole. One that begins to listen between the two things that Faye tries first, a
      // socket and a request, has it come back on an event stream.
      await chat.page.route("**/faye**", (route) => route.abort());
      await server.stop("SIGKILL");
      await chat.inState("reconnecting");
      await screenshot(chat.page, `reconnecting-${viewport.width}`);
      assert.deepEqual(await frame(chat.page), still);
      assert.deepEqual(await faintTexts(chat.page), []);
      await server.start();
      await chat.page.unroute("**/faye**");
      await chat.inState("connected");
      await chat.carriedBy("WebSocket");
      assert.deepEqual(await frame(chat.page), still);
      await chat.page.context().close();
    }
  });

  test("a reader who scrolled back stays there, and is told of what came below", async () => {
    const chat = await ChatPage.open(await browser.window({ viewport: PHONE }), server.url, "Ada");
    const other = await ChatPage.open(await browser.window(), server.url, "Grace");
    for (let line = 0; line < 30; line += 1) await chat.say(`line ${line}`);
    await chat.allSent();
    await chat.page.locator("#log").evaluate((log) => {
      log.scrollTop = 0;
    });
    await other.say("are you reading?");
    const below = chat.page.getByRole("button", { name: "1 new message below" });
    await below.waitFor();
    assert.equal(await chat.page.locator("#log").evaluate((log) => log.scrollTop), 0);
    await below.click();
    await eventually(() =>
      chat.page.locator("#log").evaluate((log) => log.scrollHeight - log.scrollTop - log.clientHeight < 2),
    );
    await below.waitFor({ state: "hidden" });
    assert.deepEqual(browser.errors, []);
  });
});
