import { createRequire } from "node:module";
import { ActionHeroWebSocket, type ClientOptions } from "../../src/client/index.ts";
import { Asker, type Counter, PROMISES } from "./asker.ts";
import { hostOf } from "./network.ts";
import type { World } from "./world.ts";

const Faye = createRequire(import.meta.url)("faye") as NonNullable<ClientOptions["faye"]>;

export const ROOMS = ["defaultRoom", "red", "green"] as const;
const TRANSPORTS = [undefined, undefined, ["long-polling"], ["websocket"]] as const;

/** Our real client on the real Faye, in a simulated world. */
export class Player extends Asker {
  /** Taken away for good. */
  dead = false;
  readonly #world: World;

  constructor(number: number, world: World, counter: Counter) {
    const { clock, dice, history } = world;
    const transports = TRANSPORTS[number % TRANSPORTS.length];
    const client = new ActionHeroWebSocket({
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
    const slow = { chance: 0.4, most: 3_000 };
    super({ number, client, add: (fact) => history.add(fact), dice, counter, rooms: ROOMS, slow });
    this.#world = world;
    const link = (event: string) => (): void =>
      history.add({ kind: "link", client: number, event, connection: client.id ?? "" });
    client.events.disconnect = link("disconnect");
    client.events.reconnect = link("reconnect");
  }

  /** A handshake reply reached it. */
  shaken(connection: string, resumed: boolean): void {
    this.parts.add({ kind: "id", client: this.number, connection, resumed });
  }

  /** Does things until told not to. */
  work(goes: () => boolean): void {
    const next = (): void => {
      this.#world.clock.after(this.parts.dice.between(50, 1_500), () => {
        if (!goes() || this.dead || this.left) return;
        this.act();
        next();
      });
    };
    next();
  }

  act(): void {
    const { dice } = this.parts;
    const drawn = dice.between(1, 100);
    if (drawn <= 45) this.say();
    else if (drawn <= 55) this.several();
    else if (drawn <= 65) this.roomChange(this.elsewhere());
    else if (drawn <= 73) this.listen(dice.pick(ROOMS));
    else if (drawn <= 80) this.silence();
    else if (drawn <= 97) this.action(dice.pick(PROMISES));
    else this.view();
  }

  leave(how: "disconnect" | "quit" | "die"): void {
    if (how === "disconnect") {
      this.hangUp();
    } else if (how === "die") {
      this.dead = true;
      this.parts.add({ kind: "died", client: this.number });
      this.#world.network.away(this.number);
    } else {
      this.left = true;
      // `quit` is never repeated: who does not know what became of it hangs up.
      const hangUp = (): Promise<void> => this.client.disconnect();
      this.settle(this.ask("leave", how), this.client.send({ event: "quit" }).catch(hangUp));
    }
  }
}
