import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { type Collector, collector } from "../../support/collector.ts";
import type { Driver } from "./driver.ts";
import { lineOf, type Message } from "./messages.ts";

export const WELCOME = "Hello! Welcome to the actionHero api";

/** A connection as a person with some client library holds it. */
export class Line {
  readonly id: string;
  readonly driver: Driver;
  /** The data of everything that came on the line. */
  readonly heard: Collector<Message> = collector<Message>();
  #asked = 0;

  constructor(driver: Driver, id: string) {
    this.driver = driver;
    this.id = id;
  }

  static async claim(driver: Driver, id: string = randomUUID()): Promise<Line> {
    const line = new Line(driver, id);
    assert.equal(await driver.subscribe(lineOf(id), line.heard.push), null);
    await line.heard.find((data) => "welcome" in data);
    return line;
  }

  /** Publishes on the line; the error of the acknowledgement, or null. */
  publish(data: object): Promise<string | null> {
    return this.driver.publish(lineOf(this.id), data);
  }

  /** Publishes and resolves with the response that has the same messageId. */
  async ask(data: object): Promise<Message> {
    this.#asked += 1;
    const messageId = `ask${this.#asked}`;
    assert.equal(await this.publish({ ...data, messageId }), null);
    return this.heard.find((answer) => answer.messageId === messageId);
  }

  /** What others said, announcements left out. */
  get said(): Message[] {
    return this.heard.all.filter(
      ({ context, message }) =>
        context === "user" && !/^I have (entered|left) the room$/.test(String(message)),
    );
  }

  close(): Promise<void> {
    return this.driver.close();
  }
}
