import type { FayeModule } from "../../src/client/faye.ts";
import { ActionHeroWebSocket, type Message } from "../../src/client/index.ts";
import type { Ask } from "../simulation/history.ts";
import type { Counter } from "../simulation/player.ts";
import type { Dice } from "../simulation/time.ts";
import type { Recorder } from "./recorder.ts";

export const TRANSPORTS = ["websocket", "eventsource", "long-polling", "callback-polling"] as const;
export type TransportName = (typeof TRANSPORTS)[number];
const EVENTS = ["say", "api", "welcome", "alert", "gap"] as const;

export interface PlayerOptions {
  readonly number: number;
  readonly host: string;
  readonly faye: FayeModule;
  readonly record: Recorder;
  readonly dice: Dice;
  readonly counter: Counter;
  readonly rooms: readonly string[];
  readonly transports: readonly string[];
  /** Changes rooms more than it talks. */
  readonly restless: boolean;
}

/** Our client, and somebody who uses it. Writes down what it asks, what it is answered and what it hears. */
export class Player {
  readonly number: number;
  readonly client: ActionHeroWebSocket;
  readonly open = new Map<number, Ask>();
  left = false;
  readonly #options: PlayerOptions;
  readonly #listening = new Set<string>();
  #room: string;

  constructor(options: PlayerOptions) {
    this.number = options.number;
    this.#options = options;
    this.#room = options.rooms[0]!;
    const { host, faye, record, number, transports } = options;
    this.client = new ActionHeroWebSocket({
      host,
      transports,
      faye: record.faye(faye, number),
      connectTimeout: 600_000,
      offlineQueue: 1_000,
    });
    for (const event of EVENTS) {
      this.client.events[event] = (message: Message) =>
        record.add({ kind: "heard", client: number, event, message });
    }
    for (const event of ["disconnect", "reconnect"] as const) {
      this.client.events[event] = (info: object) =>
        record.add({ kind: "link", client: number, event, connection: JSON.stringify(info) });
    }
  }

  connect(): Promise<void> {
    return this.#settle(this.#ask("connect", ""), this.client.connect());
  }

  /** Does things until told not to; `pause` is the mean of the milliseconds between two of them. */
  work(pause: number, goes: () => boolean): void {
    const { dice } = this.#options;
    setTimeout(
      () => {
        if (!goes() || this.left) return;
        this.act();
        this.work(pause, goes);
      },
      dice.between(pause / 4, (7 * pause) / 4),
    );
  }

  act(): void {
    const { dice, rooms, restless } = this.#options;
    const drawn = restless ? dice.between(41, 78) : dice.between(1, 100);
    if (restless && drawn <= 65) this.roomChange(dice.pick(rooms.filter((room) => room !== this.#room)));
    else if (drawn <= 50) this.say();
    else if (drawn <= 58) for (let count = dice.between(2, 5); count > 0; count -= 1) this.say();
    else if (drawn <= 66) this.roomChange(dice.pick(rooms.filter((room) => room !== this.#room)));
    else if (drawn <= 72) this.listen(dice.pick(rooms));
    else if (drawn <= 78) this.silence();
    else if (drawn <= 97) this.action(dice.pick(["plain", "idempotent", "journal"] as const));
    else this.#settle(this.#ask("read", "roomView"), this.client.roomView());
  }

  say(): Promise<void> {
    const ask = this.#ask("say", `say ${this.#options.counter.next}`);
    return this.#settle(ask, this.client.say(ask.subject));
  }

  roomChange(room: string): Promise<void> {
    this.#room = room;
    return this.#settle(this.#ask("roomChange", room), this.client.roomChange(room));
  }

  async listen(room: string): Promise<void> {
    if (this.#listening.has(room)) return;
    this.#listening.add(room);
    await this.#settle(this.#ask("listenToRoom", room), this.client.listenToRoom(room));
  }

  silence(): void {
    const room = [...this.#listening][0];
    if (room === undefined) return;
    this.#listening.delete(room);
    this.#settle(this.#ask("silenceRoom", room), this.client.silenceRoom(room));
  }

  action(promise: "plain" | "idempotent" | "journal"): void {
    const { dice, counter } = this.#options;
    const ask = this.#ask("action", `call ${counter.next}`, promise);
    const takes = dice.chance(0.3) ? dice.between(1, 2_000) : 0;
    this.#settle(ask, this.client.action(promise, { call: ask.subject, takes }));
  }

  leave(): void {
    this.left = true;
    this.#settle(this.#ask("leave", "disconnect"), this.client.disconnect());
  }

  #ask(verb: Ask["verb"], subject: string, promise?: Ask["promise"]): Ask {
    const { counter, record } = this.#options;
    const ask: Ask = { op: counter.next, verb, subject, ...(promise ? { promise } : {}) };
    counter.next += 1;
    this.open.set(ask.op, ask);
    record.add({ kind: "ask", client: this.number, ...ask });
    return ask;
  }

  #settle({ op }: Ask, answer: Promise<unknown>): Promise<void> {
    const { record } = this.#options;
    const settled = (code: string | null, reply: unknown): void => {
      this.open.delete(op);
      record.add({ kind: "answer", client: this.number, op, code, reply });
    };
    return answer.then(
      () => settled(null, null),
      (failure: { code?: string; message?: string }) =>
        settled(failure.code ?? "no code", failure.message ?? null),
    );
  }
}
