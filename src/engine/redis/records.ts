import { type Claim, type ConnectionState, EngineFailure } from "../contract.ts";
import type { Commands } from "./commands.ts";
import type { Keys } from "./keys.ts";
import type { Owned } from "./owned.ts";
import { FIELD, stateOf } from "./replies.ts";

/**
 * The connection records. Each has a slot of its own, and so has the index of what a node owns; so an operation that moves a
 * record is two or three scripts: entered in the index of the new owner before the record names it, taken out of the
 * former one's after. `owned.ts` says what becomes of it when only some of them are done.
 */
export class Records {
  readonly #node: string;
  readonly #commands: Commands;
  readonly #keys: Keys;
  readonly #owned: Owned;

  constructor(node: string, commands: Commands, keys: Keys, owned: Owned) {
    this.#node = node;
    this.#commands = commands;
    this.#keys = keys;
    this.#owned = owned;
  }

  async create(id: string, fields: Record<string, string>): Promise<void> {
    const { record, removed } = this.#keys.connection(id);
    const owner = await this.#entered(id, 1, () =>
      this.#commands.script("create", { record, removed }, { owner: this.#node }, texts(fields)),
    );
    if (owner !== "" && owner !== `=${this.#node}`) await this.#owned.leave(this.#node, id, 1);
  }

  async restore(id: string, fence: number, fields: Record<string, string>): Promise<void> {
    const [outcome, former, standing] = await this.#entered(id, fence, () =>
      this.#commands.script(
        "restore",
        this.#keys.connection(id),
        { owner: this.#node, fence },
        texts(fields),
      ),
    );
    switch (outcome) {
      case "standing":
        return;
      case "restored":
        if (former !== "" && former !== this.#node) await this.#owned.leave(former, id, standing);
        return;
      case "fenced":
        await this.#stay(id, fence, former === this.#node ? standing : null);
        throw new EngineFailure(
          "fenced",
          `connection ${id} cannot be restored under fence ${fence}: ${standing === 0 ? "it was removed" : `the record's fence is ${standing}`}`,
        );
    }
  }

  async read(id: string): Promise<ConnectionState | null> {
    const flat = await this.#commands.script("record", { record: this.#keys.connection(id).record }, {});
    return flat.length === 0 ? null : stateOf(flat);
  }

  async claim(id: string, expect: number, fields: Record<string, string>): Promise<Claim> {
    const { record, acts } = this.#keys.connection(id);
    const fence = expect + 1;
    const reply = await this.#entered(id, fence, () =>
      this.#commands.script("claim", { record, acts }, { owner: this.#node, expect }, texts(fields)),
    );
    if (reply[0] === "gone") {
      await this.#stay(id, fence, null);
      return { outcome: "gone" };
    }
    const [outcome, former, earlier, flat] = reply;
    const state = stateOf(flat);
    if (outcome === "moved") await this.#stay(id, fence, state.owner === this.#node ? state.fence : null);
    else if (former !== this.#node && former !== "") {
      const told = this.#owned.leave(former, id, expect, [1, "claimed", id, fence]);
      // Whoever claimed it before may have died before it took the one before that out of its index.
      const repaired = earlier !== "" && earlier !== this.#node && earlier !== former;
      await Promise.all([told, repaired && this.#owned.leave(earlier, id, expect)]);
    }
    return { outcome, state };
  }

  async write(id: string, fence: number, fields: Record<string, string | null>, act: number): Promise<void> {
    const { record, acts } = this.#keys.connection(id);
    const changes = Object.entries(fields).flatMap(([name, text]) => [
      FIELD + name,
      text === null ? "-" : `=${text}`,
    ]);
    await this.#commands.script("write", { record, acts }, { fence, act }, changes);
  }

  async remove(id: string, fence: number): Promise<void> {
    const owner = await this.#commands.script("remove", this.#keys.connection(id), { fence });
    if (owner !== "") await this.#owned.leave(owner, id, fence);
  }

  /** Enters it in this node's index and, right behind that, does what makes this node the owner. */
  async #entered<T>(id: string, fence: number, act: () => Promise<T>): Promise<T> {
    const [entered, done] = await Promise.allSettled([this.#owned.enter(id, fence), act()]);
    if (done.status === "rejected") {
      if (isUnknown(done.reason)) this.#owned.suspect(this.#node, id);
      throw done.reason;
    }
    if (entered.status === "rejected") {
      throw new EngineFailure("unknown", `connection ${id} may not be listed as owned`, {
        cause: entered.reason,
      });
    }
    return done.value;
  }

  /** It was entered under `fence` in vain: owned under `standing`, or (null) not at all. */
  async #stay(id: string, fence: number, standing: number | null): Promise<void> {
    await Promise.all([
      this.#owned.leave(this.#node, id, fence),
      standing !== null && this.#owned.enter(id, standing),
    ]);
  }
}

function texts(fields: Record<string, string>): string[] {
  return Object.entries(fields).flatMap(([name, text]) => [FIELD + name, text]);
}

const isUnknown = (failure: unknown): boolean =>
  failure instanceof EngineFailure && failure.outcome === "unknown";
