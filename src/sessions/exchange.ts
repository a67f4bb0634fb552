import type { Reply } from "../bayeux/index.ts";
import type { TransportName } from "../bayeux/transport-name.ts";
import type { Link, Requester } from "./gateway.ts";
import type { Links } from "./links.ts";

/** What one message comes to: a reply and what follows once it was handed over. */
export interface Result {
  readonly reply: Reply;
  readonly after?: (() => void) | undefined;
}

/** Where nothing has to be put together. */
const NONE: never[] = [];

/** The replies to one unit: together on a link that takes one text, each as it comes on the others. */
export class Exchange {
  readonly #link: Link;
  readonly #links: Links;
  /** Message texts, in the order of the unit; a slot may hold several or none. */
  readonly #texts: string[];
  readonly #done: ((handed: boolean) => void)[];
  #missing: number;

  constructor(link: Link, links: Links, size: number) {
    this.#link = link;
    this.#links = links;
    this.#texts = link.once ? new Array<string>(size).fill("") : NONE;
    this.#done = link.once ? [] : NONE;
    this.#missing = size;
    if (size > 0) return;
    if (link.once) link.send("[]");
    else links.push(link, []);
  }

  settle(index: number, result: Result): void {
    const text = JSON.stringify(result.reply);
    if (this.#link.once) {
      this.fill(index, text, result.after);
      return;
    }
    this.#links.push(this.#link, [text]);
    result.after?.();
  }

  /** Where a session answers a connect that shares its unit with other messages. */
  slot(index: number): Link {
    return this.#link.once ? new Slot(this, index, this.#link) : this.#link;
  }

  fill(index: number, texts: string, done: ((handed: boolean) => void) | undefined): void {
    this.#texts[index] = texts;
    if (done) this.#done.push(done);
    this.#missing -= 1;
    if (this.#missing > 0) return;
    const all = this.#texts.filter((text) => text !== "");
    this.#link.send(`[${all.join(",")}]`, (handed) => {
      for (const done of this.#done) done(handed);
    });
  }
}

/** A part of one HTTP response, to be answered like a response of its own. */
class Slot implements Link {
  readonly once = true;
  readonly writable = true;
  readonly transport: TransportName;
  readonly requester: Requester;
  readonly #exchange: Exchange;
  readonly #index: number;

  constructor(exchange: Exchange, index: number, whole: Link) {
    this.#exchange = exchange;
    this.#index = index;
    this.transport = whole.transport;
    this.requester = whole.requester;
  }

  send(text: string, done?: (handed: boolean) => void): void {
    this.#exchange.fill(this.#index, text.slice(1, -1), done);
  }

  close(): void {}
}
