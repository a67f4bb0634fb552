import type { Random } from "../../ports.ts";
import type {
  Append,
  Appended,
  Hold,
  Join,
  Joined,
  Leave,
  Left,
  Member,
  Position,
  Reading,
  TopicBounds,
} from "../contract.ts";
import type { Commands } from "./commands.ts";
import type { Keys, TopicKeys } from "./keys.ts";
import { entriesOf, formatFrom, positionOf } from "./replies.ts";

/** Of what a topic is asked for in the absence of a publisher: its slot, and nobody's name. */
const NOBODY = "";

/** Logs, members and lines: one script each, all in the topic's slot. */
export class Topics {
  readonly #commands: Commands;
  readonly #keys: Keys;
  readonly #bounds: TopicBounds;
  readonly #random: Random;

  constructor(commands: Commands, keys: Keys, bounds: TopicBounds, random: Random) {
    this.#commands = commands;
    this.#keys = keys;
    this.#bounds = bounds;
    this.#random = random;
  }

  async append(topic: string, entry: Append): Promise<Appended> {
    const { publisher, requires, kind, from, payload } = entry;
    const reply = await this.#commands.script("append", this.#party(topic, publisher?.id ?? NOBODY), {
      kind,
      from: formatFrom(from),
      payload,
      requires: requires ?? "",
      publishes: publisher ? 1 : 0,
      fence: publisher?.fence ?? 0,
      act: publisher?.act ?? "",
      n: publisher?.n ?? "",
      key: marked(publisher?.key),
      ...this.#opening(),
      ...this.#bounds,
    });
    switch (reply[0]) {
      case "stored":
        return { outcome: "stored", position: positionOf(reply[1]), repeat: reply[2] === 1 };
      case "earlier_missing":
        return { outcome: "earlier_missing", last: reply[1] };
      case "not_member":
      case "not_held":
      case "overtaken":
        return { outcome: reply[0] };
    }
  }

  async position(topic: string): Promise<Position> {
    return positionOf(await this.#commands.script("position", this.#keys.topic(topic), this.#opening()));
  }

  async read(topic: string, after: Position, limit: number): Promise<Reading> {
    const [head, from, missed, ...entries] = await this.#commands.script("read", this.#keys.topic(topic), {
      maxAge: this.#bounds.maxAge,
      afterEpoch: after.epoch,
      afterOffset: after.offset,
      afterCount: after.count,
      limit,
      ...this.#opening(),
    });
    const end = positionOf(head);
    return {
      epoch: end.epoch,
      head: end,
      entries: entriesOf(entries),
      from: positionOf(from),
      missed: missed < 0 ? null : missed,
    };
  }

  async join(topic: string, { id, fence, act, info, last, announce }: Join): Promise<Joined> {
    const [place, repeat, known, members] = await this.#commands.script("join", this.#party(topic, id), {
      id,
      fence,
      act,
      info,
      last: last ?? 0,
      ...announcing(announce),
      from: formatFrom(id),
      ...this.#opening(),
      ...this.#bounds,
    });
    return { position: positionOf(place), repeat: repeat === 1, last: known, members };
  }

  async leave(topic: string, { id, fence, act, announce }: Leave): Promise<Left> {
    const [place, repeat] = await this.#commands.script("leave", this.#party(topic, id), {
      id,
      fence,
      act,
      ...announcing(announce),
      from: formatFrom(id),
      ...this.#opening(),
      ...this.#bounds,
    });
    return { position: place === "" ? null : positionOf(place), repeat: repeat === 1 };
  }

  async updateMember(topic: string, id: string, fence: number, info: string, act: number): Promise<void> {
    await this.#commands.script("update", this.#party(topic, id), {
      id,
      fence,
      act,
      info,
      ...this.#opening(),
    });
  }

  async members(
    topic: string,
    after: string | null,
    limit: number,
  ): Promise<{ members: readonly Member[]; total: number }> {
    const { meta, members, infos } = this.#keys.topic(topic);
    const [total, ...flat] = await this.#commands.script(
      "members",
      { meta, members, infos },
      { server: this.#commands.identity, after: after === null ? "-" : `(${after}`, limit },
    );
    const page: Member[] = [];
    for (let i = 0; i < flat.length; i += 2) page.push({ id: flat[i]!, info: flat[i + 1]! });
    return { members: page, total };
  }

  async hold(topic: string, { holder, fence, act, proofs }: Hold): Promise<"held" | "refused"> {
    return this.#commands.script("hold", this.#party(topic, holder), {
      id: holder,
      fence,
      act,
      proofs: JSON.stringify(proofs),
      ...this.#opening(),
    });
  }

  async release(topic: string, holder: string, fence: number, act: number): Promise<void> {
    await this.#commands.script("release", this.#party(topic, holder), {
      id: holder,
      fence,
      act,
      ...this.#opening(),
    });
  }

  async lineHolder(topic: string): Promise<string | null> {
    const { meta, line } = this.#keys.topic(topic);
    const server = this.#commands.identity;
    return (await this.#commands.script("holder", { meta, line }, { server })) || null;
  }

  #party(topic: string, id: string): TopicKeys & { readonly party: string } {
    return { party: this.#keys.party(topic, id), ...this.#keys.topic(topic) };
  }

  /** What every script is told that may have to begin a topic, or to begin it anew. */
  #opening(): { readonly server: string; readonly epoch: string } {
    return {
      server: this.#commands.identity,
      epoch: Buffer.from(this.#random.bytes(8)).toString("hex"),
    };
  }
}

/** A text that may be missing, so that an empty one is not taken for none. */
const marked = (text: string | undefined): string => (text === undefined ? "" : `=${text}`);

const announcing = (
  announce: Join["announce"],
): { readonly announcement: string; readonly upTo: number } => ({
  announcement: marked(announce?.payload),
  upTo: announce?.upTo ?? 0,
});
