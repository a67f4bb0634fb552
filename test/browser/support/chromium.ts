import { accessSync, constants, mkdirSync } from "node:fs";
import { delimiter, join } from "node:path";
import { type Browser, type BrowserContextOptions, chromium, type Page } from "playwright-core";

const COMMANDS = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/** What keeps a browser to itself: no updates, no services, no sync. */
const ARGUMENTS = [
  "--no-sandbox",
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/**
 * Faye, where it aborts a request of callback-polling (the other part of a large batch has failed, or it says goodbye), takes the
 * callback away from a script that is still on its way.
 */
export const FAYES_OWN = /^(Uncaught )?ReferenceError: __jsonp\d+__ is not defined/;

function executablePath(): string {
  for (const command of COMMANDS) {
    for (const folder of (process.env.PATH ?? "").split(delimiter)) {
      try {
        accessSync(join(folder, command), constants.X_OK);
        return join(folder, command);
      } catch {
        // not in this folder
      }
    }
  }
  throw new Error(`the browser tests need Chromium on the PATH (one of ${COMMANDS.join(", ")})`);
}

/** A browser whose windows each have a storage of their own. Whatever a page throws is kept, to be asserted empty. */
export interface TestBrowser {
  readonly errors: readonly string[];
  /** A page in a window of its own. `before` runs in it ahead of every script. */
  window(options?: BrowserContextOptions & { readonly before?: () => void }): Promise<Page>;
  close(): Promise<void>;
}

export async function openBrowser(): Promise<TestBrowser> {
  const browser: Browser = await chromium.launch({ executablePath: executablePath(), args: ARGUMENTS });
  const errors: string[] = [];
  return {
    errors,
    async window({ before, ...options } = {}) {
      const context = await browser.newContext(options);
      // The loader of these tests wraps the functions that they hand to a page in this helper.
      await context.addInitScript("globalThis.__name = (named) => named;");
      if (before !== undefined) await context.addInitScript(before);
      const page = await context.newPage();
      page.on("pageerror", (error) => errors.push(error.stack ?? error.message));
      return page;
    },
    close: () => browser.close(),
  };
}

/** Saves what the page looks like, for people, where ACTIONWIRE_SCREENSHOTS names a folder. */
export async function screenshot(page: Page, name: string): Promise<void> {
  const folder = process.env.ACTIONWIRE_SCREENSHOTS;
  if (folder === undefined) return;
  mkdirSync(folder, { recursive: true });
  await page.screenshot({ path: join(folder, `${name}.png`) });
}
