import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { closeAll, eventually, type ServerProcess, spawnServer } from "../support/index.ts";
import { ChatPage } from "./support/chat-page.ts";
import { openBrowser, type TestBrowser } from "./support/chromium.ts";

interface Way {
  readonly name: string;
  /** What the page says it is carried by. */
  readonly shown: string;
  readonly query: string;
  /** Takes from the browser what it must do without. */
  readonly before: () => void;
}

const WAYS: readonly Way[] = [
  { name: "a WebSocket", shown: "WebSocket", query: "", before: () => {} },
  {
    name: "an event stream, where there are no WebSockets",
    shown: "EventSource",
    query: "",
    before: () => {
      Reflect.deleteProperty(window, "WebSocket");
    },
  },
  {
    name: "long polls, where there is neither",
    shown: "long-polling",
    query: "",
    before: () => {
      Reflect.deleteProperty(window, "WebSocket");
      Reflect.deleteProperty(window, "EventSource");
    },
  },
  {
    name: "long polls that the address asks for",
    shown: "long-polling",
    query: "?transports=long-polling",
    before: () => {},
  },
  {
    name: "callback polls",
    shown: "callback-polling",
    query: "?transports=callback-polling",
    before: () => {
      Reflect.deleteProperty(window, "WebSocket");
      Reflect.deleteProperty(window, "EventSource");
    },
  },
];

const numbered = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, index) => `line ${from + index}`);

for (const way of WAYS) {
  describe(`two windows over ${way.name}`, () => {
    let server: ServerProcess;
    let browser: TestBrowser;
    let ada: ChatPage;
    let grace: ChatPage;

    before(async () => {
      server = await spawnServer();
      browser = await openBrowser();
      const open = async (name: string) =>
        ChatPage.open(await browser.window({ before: way.before }), `${server.url}/${way.query}`, name);
      ada = await open("Ada");
      grace = await open("Grace");
    });
    after(() => closeAll(server, browser));

    test("say by what they are carried", async () => {
      await ada.carriedBy(way.shown);
      await grace.carriedBy(way.shown);
    });

    test("see each other come in, and by name", async () => {
      await ada.notes("Grace came in");
      await ada.sees(["Ada online", "Grace online"]);
    });

    test("hear each other, in order, once", async () => {
      for (const text of numbered(1, 10)) await ada.say(text);
      await grace.hears("Ada", numbered(1, 10));
      await grace.say("heard you");
      await ada.hears("Grace", ["heard you"]);
      await ada.allSent();
    });

    test("go on by themselves when the server is restarted under them", async () => {
      const loaded = () => ada.page.evaluate(() => performance.timeOrigin);
      const since = await loaded();
      await server.stop("SIGKILL");
      await ada.inState("reconnecting");
      // Said while there is no server: it waits, and is sent.
      await ada.say("line 11");
      await server.start();
      await Promise.all([ada.inState("connected"), grace.inState("connected")]);
      assert.equal(await loaded(), since, "the page was not loaded anew");
      await ada.allSent();
      await ada.say("line 12");
      const heard = await eventually(async () => {
        const texts = (await grace.messages()).filter(({ name }) => name === "Ada").map(({ text }) => text);
        return texts.includes("line 12") && texts;
      });
      // The memory of one process went with it, and everybody is told so.
      await Promise.all([ada, grace].map((chat) => chat.notes("Messages may be missing here")));
      // Whether Grace was back when line 11 was stored is chance. The rest is not.
      const expected = heard.includes("line 11") ? numbered(1, 12) : [...numbered(1, 10), "line 12"];
      assert.deepEqual(heard, expected);
      await grace.say("still here");
      await ada.hears("Grace", ["heard you", "still here"]);
      assert.deepEqual(browser.errors, []);
    });
  });
}
