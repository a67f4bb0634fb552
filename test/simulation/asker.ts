import type { ActionHeroWebSocket, Message } from "../../src/client/index.ts";
import type { Ask, Fact } from "./history.ts";
import type { Dice } from "./time.ts";

const EVENTS = ["say", "api", "welcome", "alert", "gap"] as const;
export const PROMISES = ["plain", "idempotent", "journal"] as const;

/** Numbers everything that clients ask. */
export interface Counter {
  next: number;
}

export interface AskerParts {
  readonly number: number;
  readonly client: ActionHeroWebSocket;
  /** Writes down. */
  readonly add: (fact: Fact) => void;
  readonly dice: Dice;
  readonly counter: Counter;
  readonly rooms: readonly string[];
  /** How many actions take a while, and how long at most, milliseconds. */
  readonly slow: { readonly chance: number; readonly most: number };
}

/** Our client, and somebody who uses it. Writes down what it asks, what it is answered and what it hears. */
export class Asker {
  readonly number: number;
  readonly client: ActionHeroWebSocket;
  /** What it asked and was not answered yet. */
  readonly open = new Map<number, Ask>();
  /** It has left of its own will. */
  left = false;
  protected readonly parts: AskerParts;
  readonly #listening = new Set<string>();
  #room: string;

  constructor(parts: AskerParts) {
    const { number, client, add, rooms } = parts;
    this.parts = parts;
    this.number = number;
    this.client = client;
    this.#room = rooms[0]!;
    for (const event of EVENTS) {
      client.events[event] = (message: Message) => add({ kind: "heard", client: number, event, message });
    }
  }

  connect(): Promise<void> {
    return this.settle(this.ask("connect", ""), this.client.connect());
  }

  say(): Promise<void> {
    const ask = this.ask("say", `say ${this.parts.counter.next}`);
    return this.settle(ask, this.client.say(ask.subject));
  }

  roomChange(room: string): Promise<void> {
    this.#room = room;
    return this.settle(this.ask("roomChange", room), this.client.roomChange(room));
  }

  async listen(room: string): Promise<void> {
    if (this.#listening.has(room)) return;
    this.#listening.add(room);
    await this.settle(this.ask("listenToRoom", room), this.client.listenToRoom(room));
  }

  silence(): void {
    const room = [...this.#listening][0];
    if (room === undefined) return;
    this.#listening.delete(room);
    this.settle(this.ask("silenceRoom", room), this.client.silenceRoom(room));
  }

  action(promise: (typeof PROMISES)[number]): void {
    const { dice, counter, slow } = this.parts;
    const ask = this.ask("action", `call ${counter.next}`, promise);
    const takes = dice.chance(slow.chance) ? dice.between(1, slow.most) : 0;
    this.settle(ask, this.client.action(promise, { call: ask.subject, takes }));
  }

  view(): void {
    this.settle(this.ask("read", "roomView"), this.client.roomView());
  }

  hangUp(): void {
    this.left = true;
    this.settle(this.ask("leave", "disconnect"), this.client.disconnect());
  }

  /** Another room than the one it wants to be in. */
  protected elsewhere(): string {
    const { dice, rooms } = this.parts;
    return dice.pick(rooms.filter((room) => room !== this.#room));
  }

  protected several(): void {
    for (let count = this.parts.dice.between(2, 5); count > 0; count -= 1) this.say();
  }

  protected ask(verb: Ask["verb"], subject: string, promise?: Ask["promise"]): Ask {
    const { counter, add } = this.parts;
    const ask: Ask = { op: counter.next, verb, subject, ...(promise ? { promise } : {}) };
    counter.next += 1;
    this.open.set(ask.op, ask);
    add({ kind: "ask", client: this.number, ...ask });
    return ask;
  }

  protected settle({ op }: Ask, answer: Promise<unknown>): Promise<void> {
    const settled = (code: string | null, reply: unknown): void => {
      this.open.delete(op);
      this.parts.add({ kind: "answer", client: this.number, op, code, reply });
    };
    return answer.then(
      (reply) => settled(null, reply),
      (failure: { code?: string; message?: string }) =>
        settled(failure.code ?? "no code", failure.message ?? null),
    );
  }
}
