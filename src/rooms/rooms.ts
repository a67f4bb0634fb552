import type { MemberView, RoomView } from "../api.ts";
import type { Announcement, Append, Appended, Engine, Joined, Left, Publisher } from "../engine/contract.ts";
import { EngineFailure, roomTopic } from "../engine/contract.ts";
import { insist } from "../engine/insist.ts";
import { newKey } from "../engine/keys.ts";
import type { Clock } from "../ports.ts";

export const ENTERED = "I have entered the room";
export const HAS_LEFT = "I have left the room";
/** Members in one reply to `roomView`. */
export const MEMBERS_PAGE = 1000;

/**
 * Who does something in a room, and under which right. Members are kept by the id of their record, which no other
 * connection ever has; the public id may pass from one to another.
 */
export interface Actor {
  /** Id of the connection's record. */
  readonly id: string;
  readonly fence: number;
  readonly act: number;
}

export interface MemberInfo {
  /** Public id of the connection. */
  readonly id: string;
  readonly joinedAt: number;
  readonly state: MemberView["state"];
}

/** Rooms as topics: what is said, who is in. Every operation may be repeated, and is while its outcome is unknown. */
export class Rooms {
  readonly #engine: Engine;
  readonly #clock: Clock;
  readonly #announceMembers: number | false;

  constructor(engine: Engine, clock: Clock, announceMembers: number | false) {
    this.#engine = engine;
    this.#clock = clock;
    this.#announceMembers = announceMembers;
  }

  /** Says something as a member. `act` gives the next one; `unsure` is told when it may have been stored unheard. */
  async say(
    room: string,
    from: string,
    message: unknown,
    publisher: Publisher,
    act: () => number,
    unsure: () => void,
  ): Promise<Exclude<Appended, { outcome: "overtaken" }>> {
    const payload = this.#payload(room, from, message);
    for (;;) {
      const said: Append = {
        payload,
        from,
        kind: "message",
        publisher: { act: act(), ...publisher },
        requires: "member",
      };
      const appended = await insist(this.#clock, async () => {
        try {
          return await this.#engine.append(roomTopic(room), said);
        } catch (failed) {
          if (failed instanceof EngineFailure && failed.outcome === "unknown") unsure();
          throw failed;
        }
      });
      // It was refused at an attempt whose answer was lost: asking anew tells why.
      if (appended.outcome !== "overtaken") return appended;
    }
  }

  /** Says something in the name of the server, or of `from`. */
  async broadcast(room: string, from: string | null, message: unknown): Promise<void> {
    const payload = this.#payload(room, from, message);
    const publisher = { id: "server", fence: 0, key: newKey() };
    await insist(this.#clock, () =>
      this.#engine.append(roomTopic(room), { payload, from, kind: "message", publisher }),
    );
  }

  /** `quiet` is asked before each attempt whether the room is told. */
  join(room: string, actor: Actor, info: MemberInfo, quiet: () => Promise<boolean>): Promise<Joined> {
    const announce = this.#announcement(room, info.id, ENTERED);
    return insist(this.#clock, async () => {
      const told = (await quiet()) ? {} : announce;
      return this.#engine.join(roomTopic(room), { info: JSON.stringify(info), ...actor, ...told });
    });
  }

  /** Is in the room again, where the store may have lost that, without a word. `last`: the last number it said there. */
  rejoin(room: string, actor: Actor, info: MemberInfo, last?: number): Promise<Joined> {
    const number = last === undefined ? {} : { last };
    return insist(this.#clock, () =>
      this.#engine.join(roomTopic(room), { info: JSON.stringify(info), ...actor, ...number }),
    );
  }

  /** `publicId` is told to the others, unless `quiet`, which is asked before each attempt. */
  leave(room: string, actor: Actor, publicId: string, quiet: () => Promise<boolean>): Promise<Left> {
    const announce = this.#announcement(room, publicId, HAS_LEFT);
    return insist(this.#clock, async () => {
      const told = (await quiet()) ? {} : announce;
      return this.#engine.leave(roomTopic(room), { ...actor, ...told });
    });
  }

  update(room: string, actor: Actor, info: MemberInfo): Promise<void> {
    const { id, fence, act } = actor;
    return insist(this.#clock, () =>
      this.#engine.updateMember(roomTopic(room), id, fence, JSON.stringify(info), act),
    );
  }

  async view(room: string, after: string | null, limit: number): Promise<RoomView> {
    const page = Math.min(limit, MEMBERS_PAGE);
    // One more tells whether this is the last page.
    const { members, total } = await insist(this.#clock, () =>
      this.#engine.members(roomTopic(room), after, page + 1),
    );
    const shown = members.slice(0, page);
    const views: Record<string, MemberView> = {};
    for (const { info } of shown) {
      const { id, joinedAt, state } = JSON.parse(info) as MemberInfo;
      views[id] = { id, joinedAt, state };
    }
    const last = shown.at(-1);
    const more = last !== undefined && members.length > page;
    return { room, members: views, membersCount: total, ...(more ? { next: last.id } : {}) };
  }

  #payload(room: string, from: string | null, message: unknown): string {
    return JSON.stringify({ context: "user", from, room, message, sentAt: this.#clock.now() });
  }

  #announcement(room: string, from: string, text: string): { announce?: Announcement } {
    const upTo = this.#announceMembers;
    return upTo === false ? {} : { announce: { payload: this.#payload(room, from, text), upTo } };
  }
}
