import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import { eventually } from "../../support/index.ts";

export interface Shown {
  readonly name: string;
  readonly text: string;
  /** Of what we said ourselves; null for the others' words. */
  readonly state: string | null;
}

const PATIENCE = 30_000;

/** The demo's page as a person sees it: no reaching into its scripts. */
export class ChatPage {
  readonly page: Page;

  constructor(page: Page) {
    this.page = page;
  }

  /** Opens it under a name and waits until it is connected. */
  static async open(page: Page, url: string, name: string): Promise<ChatPage> {
    await page.addInitScript(
      (chosen) => localStorage.setItem("actionwire.name", JSON.stringify(chosen)),
      name,
    );
    await page.goto(url);
    const chat = new ChatPage(page);
    await chat.inState("connected");
    await eventually(async () => (await page.locator("#room-title").textContent()) !== "…", {
      timeout: PATIENCE,
    });
    return chat;
  }

  async inState(state: string): Promise<void> {
    await this.page.locator(`body[data-state="${state}"]`).waitFor({ timeout: PATIENCE });
  }

  /** What the page says carries us, once it is `expected`. */
  async carriedBy(expected: string): Promise<void> {
    const said = this.page.locator("#status-transport");
    await eventually(async () => assert.equal(await said.textContent(), expected), { timeout: PATIENCE });
  }

  async say(text: string): Promise<void> {
    const field = this.page.getByLabel("Message", { exact: true });
    await field.fill(text);
    await field.press("Enter");
  }

  async messages(): Promise<Shown[]> {
    return this.page.locator(".group").evaluateAll((groups) =>
      groups.flatMap((group) => {
        const name = group.querySelector("strong")?.textContent ?? "";
        return [...group.querySelectorAll<HTMLElement>(".line")].map((line) => ({
          name,
          text: line.querySelector(".words")?.textContent ?? "",
          state: line.dataset.state ?? null,
        }));
      }),
    );
  }

  /** Waits until what `name` said, in order, is exactly this. */
  async hears(name: string, texts: readonly string[]): Promise<void> {
    await eventually(
      async () => {
        const heard = (await this.messages()).filter((each) => each.name === name).map((each) => each.text);
        if (JSON.stringify(heard) !== JSON.stringify(texts)) {
          throw new Error(`of ${name}: ${JSON.stringify(heard)}, expected ${JSON.stringify(texts)}`);
        }
      },
      { timeout: PATIENCE, interval: 50 },
    );
  }

  /** Waits until all that we said is stored. */
  async allSent(): Promise<void> {
    await eventually(
      async () => (await this.messages()).every(({ state }) => state === null || state === "sent"),
      {
        timeout: PATIENCE,
      },
    );
  }

  /** Waits for a line about comings, goings and gaps. */
  async notes(text: string): Promise<void> {
    await this.page.locator(".event", { hasText: text }).first().waitFor({ timeout: PATIENCE });
  }

  /** Waits until these are the people in the list, each as `name state`. */
  async sees(people: readonly string[]): Promise<void> {
    await eventually(async () => {
      const rows = await this.page
        .locator(".person")
        .evaluateAll((rows) =>
          rows.map(
            (row) =>
              `${row.querySelector(".person-name")?.firstChild?.textContent} ${row.classList[1] ?? "online"}`,
          ),
        );
      assert.deepEqual(rows, people);
    });
  }

  async enter(room: string): Promise<void> {
    await this.page.getByLabel("Another room").fill(room);
    await this.page.getByRole("button", { name: "Enter", exact: true }).click();
    await eventually(async () => (await this.page.locator("#room-title").textContent()) === room);
  }
}
