import type { FayeModule } from "../../src/client/faye.ts";
import { ActionHeroWebSocket } from "../../src/client/index.ts";
import { Asker, type Counter, PROMISES } from "../simulation/asker.ts";
import type { Fact } from "../simulation/history.ts";
import type { Dice } from "../simulation/time.ts";
import type { Recorder } from "./recorder.ts";

export const TRANSPORTS = ["websocket", "eventsource", "long-polling", "callback-polling"] as const;
export type TransportName = (typeof TRANSPORTS)[number];

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

/** Our client on real sockets. */
export class Player extends Asker {
  readonly #restless: boolean;

  constructor(options: PlayerOptions) {
    const { host, faye, record, number, transports, dice, counter, rooms, restless } = options;
    const client = new ActionHeroWebSocket({
      host,
      transports,
      faye: record.faye(faye, number),
      connectTimeout: 600_000,
      offlineQueue: 1_000,
    });
    // What was answered would fill the memory, and nobody asks for it.
    const add = (fact: Fact) =>
      record.add(fact.kind === "answer" && fact.code === null ? { ...fact, reply: null } : fact);
    const slow = { chance: 0.3, most: 2_000 };
    super({ number, client, add, dice, counter, rooms, slow });
    this.#restless = restless;
    for (const event of ["disconnect", "reconnect"] as const) {
      client.events[event] = (info: object) =>
        record.add({ kind: "link", client: number, event, connection: JSON.stringify(info) });
    }
  }

  /** Does things until told not to; `pause` is the mean of the milliseconds between two of them. */
  work(pause: number, goes: () => boolean): void {
    setTimeout(
      () => {
        if (!goes() || this.left) return;
        this.act();
        this.work(pause, goes);
      },
      this.parts.dice.between(pause / 4, (7 * pause) / 4),
    );
  }

  act(): void {
    const { dice, rooms } = this.parts;
    const drawn = this.#restless ? dice.between(41, 78) : dice.between(1, 100);
    if (this.#restless && drawn <= 65) this.roomChange(this.elsewhere());
    else if (drawn <= 50) this.say();
    else if (drawn <= 58) this.several();
    else if (drawn <= 66) this.roomChange(this.elsewhere());
    else if (drawn <= 72) this.listen(dice.pick(rooms));
    else if (drawn <= 78) this.silence();
    else if (drawn <= 97) this.action(dice.pick(PROMISES));
    else this.view();
  }
}
