import { createRequire } from "node:module";
import { ActionHeroWebSocket, type ClientOptions, type Message } from "../../src/client/index.ts";
import type { Ask, History } from "./history.ts";
import { hostOf } from "./network.ts";
import type { Dice } from "./time.ts";
import type { World } from "./world.ts";

const Faye = createRequire(import.meta.url)("faye") as NonNullable<ClientOptions["faye"]>;

export const ROOMS = ["defaultRoom", "red", "green"] as const;
const EVENTS = ["say", "api", "welcome", "alert", "gap"] as const;
const TRANSPORTS = [undefined, undefined, ["long-polling"], ["websocket"]] as const;

/** Numbers everything that clients ask. */
export interface Counter {
  next: number;
}

/** Our real client on the real Faye, and somebody who uses it. Writes down what it asks and what it hears. */
export class Player {
  readonly number: number;
  readonly client: ActionHeroWebSocket;
  /** What it asked and was not answered yet. */
  readonly open = new Map<number, Ask>();
  /** Taken away for good. */
  dead = false;
  /** It has left of its own will. */
  left = false;
  readonly #world: World;
  readonly #dice: Dice;
  readonly #history: History;
  readonly #counter: Counter;
  readonly #listening = new Set<string>();
  #room: string = ROOMS[0];

  constructor(number: number, world: World, counter: Counter) {
    this.number = number;
    this.#world = world;
    this.#dice = world.dice;
    this.#history = world.history;
    this.#counter = counter;
    const { clock, dice } = world;
    const transports = TRANSPORTS[number % TRANSPORTS.length];
    this.client = new ActionHeroWebSocket({
      host: hostOf(number),
      faye: Faye,
      connectTimeout: 600_000,
      ...(transports ? { transports } : {}),
      clock: {
        now: () => clock.now(),
        setTimeout: (run, ms) => clock.after(ms, run),
        clearTimeout: (timer) => (timer as { cancel(): void } | undefined)?.cancel(),
        random: () => dice.source.fraction(),
      },
    });
    for (const event of EVENTS) {
      this.client.events[event] = (message: Message) => {
        this.#history.add({ kind: "heard", client: number, event, message });
      };
    }
    this.client.events.disconnect = () => this.#link("disconnect");
    this.client.events.reconnect = () => this.#link("reconnect");
  }

  connect(): void {
    const ask = this.#ask("connect", "");
    this.#settle(ask, this.client.connect());
  }

  /** A handshake reply reached it. */
  shaken(connection: string, resumed: boolean): void {
    this.#history.add({ kind: "id", client: this.number, connection, resumed });
  }

  /** Does things until told not to. */
  work(goes: () => boolean): void {
    const next = (): void => {
      this.#world.clock.after(this.#dice.between(50, 1_500), () => {
        if (!goes() || this.dead || this.left) return;
        this.act();
        next();
      });
    };
    next();
  }

  act(): void {
    const drawn = this.#dice.between(1, 100);
    if (drawn <= 45) this.say();
    else if (drawn <= 55) for (let count = this.#dice.between(2, 5); count > 0; count -= 1) this.say();
    else if (drawn <= 65) this.roomChange(this.#dice.pick(ROOMS.filter((room) => room !== this.#room)));
    else if (drawn <= 73) this.listen(this.#dice.pick(ROOMS));
    else if (drawn <= 80) this.silence();
    else if (drawn <= 97) this.action(this.#dice.pick(["plain", "idempotent", "journal"] as const));
    else this.#settle(this.#ask("read", "roomView"), this.client.roomView());
  }

  say(): void {
    const ask = this.#ask("say", `say ${this.#counter.next}`);
    this.#settle(ask, this.client.say(ask.subject));
  }

  roomChange(room: string): void {
    this.#room = room;
    this.#settle(this.#ask("roomChange", room), this.client.roomChange(room));
  }

  listen(room: string): void {
    if (this.#listening.has(room)) return;
    this.#listening.add(room);
    this.#settle(this.#ask("listenToRoom", room), this.client.listenToRoom(room));
  }

  silence(): void {
    const room = [...this.#listening][0];
    if (room === undefined) return;
    this.#listening.delete(room);
    this.#settle(this.#ask("silenceRoom", room), this.client.silenceRoom(room));
  }

  action(promise: "plain" | "idempotent" | "journal"): void {
    const ask = this.#ask("action", `call ${this.#counter.next}`, promise);
    const takes = this.#dice.chance(0.4) ? this.#dice.between(1, 3_000) : 0;
    this.#settle(ask, this.client.action(promise, { call: ask.subject, takes }));
  }

  leave(how: "disconnect" | "quit" | "die"): void {
    if (how === "die") {
      this.dead = true;
      this.#history.add({ kind: "died", client: this.number });
      this.#world.network.away(this.number);
      return;
    }
    this.left = true;
    const ask = this.#ask("leave", how);
    // `quit` is never repeated: who does not know what became of it hangs up.
    const hangUp = (): Promise<void> => this.client.disconnect();
    this.#settle(ask, how === "quit" ? this.client.send({ event: "quit" }).catch(hangUp) : hangUp());
  }

  #ask(verb: Ask["verb"], subject: string, promise?: Ask["promise"]): Ask {
    const op = this.#counter.next;
    this.#counter.next += 1;
    const ask: Ask = { op, verb, subject, ...(promise ? { promise } : {}) };
    this.open.set(op, ask);
    this.#history.add({ kind: "ask", client: this.number, ...ask });
    return ask;
  }

  #settle({ op }: Ask, answer: Promise<unknown>): void {
    const settled = (code: string | null, reply: unknown): void => {
      this.open.delete(op);
      this.#history.add({ kind: "answer", client: this.number, op, code, reply });
    };
    answer.then(
      (reply) => settled(null, reply),
      (failure: { code?: string; message?: string }) =>
        settled(failure.code ?? "error", failure.message ?? null),
    );
  }

  #link(event: string): void {
    this.#history.add({ kind: "link", client: this.number, event, connection: this.client.id ?? "" });
  }
}
