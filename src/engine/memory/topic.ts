import type {
  Append,
  Appended,
  Entry,
  Hold,
  Join,
  Joined,
  Leave,
  Left,
  Member,
  Position,
  Publisher,
  Reading,
  TopicBounds,
} from "../contract.ts";
import { Line } from "./line.ts";
import { Log } from "./log.ts";
import type { Refusal } from "./outcomes.ts";
import { Parties, type Party } from "./parties.ts";

/** One topic. Every method is one atomic act at time `now` (the store's monotonic clock). */
export class Topic {
  readonly log: Log;
  /** Of an unwatched topic nothing is pushed. Called once per entry, on the hot path. */
  onEntry: ((topic: Topic, entry: Entry) => void) | null = null;
  #usedAt = 0;
  // Both are made when needed: a plain channel has neither.
  #parties: Parties | null = null;
  #line: Line | null = null;

  constructor(epoch: string, bounds: TopicBounds) {
    this.log = new Log(epoch, bounds);
  }

  /** What a store has of it that was rewound to this moment: a log that begins anew, and whom it knows. */
  anew(epoch: string, bounds: TopicBounds, now: number): Topic {
    const topic = new Topic(epoch, bounds);
    topic.#usedAt = now;
    topic.#parties = this.#parties?.anew(now) ?? null;
    topic.#line = this.#line?.anew(now) ?? null;
    return topic;
  }

  append(append: Append, now: number): Appended {
    this.#usedAt = now;
    const { publisher } = append;
    if (publisher === undefined) {
      const refusal = this.#refusal(append, null);
      if (refusal !== null) return { outcome: refusal };
      return { outcome: "stored", position: this.#store(append, now), repeat: false };
    }
    const party = this.#enter(publisher.id, publisher.fence, now);
    const known = party.outcomes.recall(publisher.n, publisher.key, this.log.head, now);
    // A repeat is answered whatever has become of the publisher since.
    if (typeof known === "string") return { outcome: known };
    if (known) return { outcome: "stored", position: known, repeat: true };
    return this.#appendNew(append, publisher, party, now);
  }

  read(after: Position, limit: number, now: number): Reading {
    this.#usedAt = now;
    return this.log.read(after, limit, now);
  }

  position(now: number): Position {
    this.#usedAt = now;
    return this.log.head;
  }

  join(join: Join, now: number): Joined {
    const party = this.#enter(join.id, join.fence, now);
    const parties = this.#parties!;
    if (!party.begin(join.act)) return this.#joined(party, true);
    if (join.last !== undefined) party.outcomes.raise(join.last);
    const repeat = party.info !== null;
    // An update that overtook the join belongs to no membership: a new one begins with what its join says.
    if (!repeat || join.act > party.infoAct) {
      party.info = join.info;
      party.infoAct = join.act;
    }
    if (repeat) return this.#joined(party, true);
    parties.admit(party);
    this.#announce(join.announce, join.id, parties.members, now);
    party.joined = this.log.head;
    return this.#joined(party, false);
  }

  leave(leave: Leave, now: number): Left {
    const party = this.#enter(leave.id, leave.fence, now);
    const parties = this.#parties!;
    const isNew = party.begin(leave.act);
    if (!isNew || party.info === null) return { position: party.left, repeat: party.left !== null };
    party.left = this.log.head;
    party.info = null;
    this.#announce(leave.announce, leave.id, parties.members, now);
    parties.dismiss(party, now);
    return { position: party.left, repeat: false };
  }

  updateMember(id: string, fence: number, info: string, act: number, now: number): void {
    const party = this.#enter(id, fence, now);
    if (party.info === null || act <= party.infoAct) return;
    party.info = info;
    party.infoAct = act;
  }

  members(after: string | null, limit: number): { members: Member[]; total: number } {
    if (this.#parties === null) return { members: [], total: 0 };
    const page = this.#parties.page(after, limit);
    return {
      members: page.map((party) => ({ id: party.id, info: party.info! })),
      total: this.#parties.members,
    };
  }

  hold(hold: Hold, now: number): boolean {
    const party = this.#enter(hold.holder, hold.fence, now);
    if (!party.begin(hold.act)) return this.lineHolder === hold.holder;
    this.#line ??= new Line();
    return this.#line.take(hold, now);
  }

  release(holder: string, fence: number, act: number, now: number): void {
    const party = this.#enter(holder, fence, now);
    if (party.begin(act)) this.#line?.release(holder, now);
  }

  get lineHolder(): string | null {
    return this.#line?.holder ?? null;
  }

  /** Frees what time has taken. True when the topic itself has been out of use for `patience` ms. */
  expire(now: number, patience: number): boolean {
    const empty = this.log.expire(now);
    this.#parties?.expire(now);
    if (this.#parties?.empty) this.#parties = null;
    if (this.#line?.forgotten(now)) this.#line = null;
    const used = !empty || this.#parties !== null || this.#line !== null || this.onEntry !== null;
    return !used && now - this.#usedAt >= patience;
  }

  #appendNew(append: Append, publisher: Publisher, party: Party, now: number): Appended {
    if (publisher.act !== undefined && !party.begin(publisher.act)) return { outcome: "overtaken" };
    // Where both are the matter: no earlier one would help somebody who is not a member.
    const refusal = this.#refusal(append, party);
    if (refusal !== null) {
      party.outcomes.refused(publisher.key, refusal, now);
      return { outcome: refusal };
    }
    const { last } = party.outcomes;
    if (publisher.n !== undefined && publisher.n > last + 1) return { outcome: "earlier_missing", last };
    const position = this.#store(append, now);
    party.outcomes.stored(publisher.n, publisher.key, position, now);
    return { outcome: "stored", position, repeat: false };
  }

  #refusal({ requires }: Append, party: Party | null): Refusal | null {
    if (requires === "member" && (party === null || party.info === null)) return "not_member";
    return requires === "held" && this.lineHolder === null ? "not_held" : null;
  }

  #enter(id: string, fence: number, now: number): Party {
    this.#usedAt = now;
    this.#parties ??= new Parties();
    return this.#parties.enter(id, fence, now);
  }

  #joined(party: Party, repeat: boolean): Joined {
    return {
      position: party.joined ?? this.log.head,
      repeat,
      last: party.outcomes.last,
      members: this.#parties!.members,
    };
  }

  #announce(announcement: Join["announce"], from: string, members: number, now: number): void {
    if (announcement === undefined || members > announcement.upTo) return;
    this.#store({ kind: "announcement", from, payload: announcement.payload }, now);
  }

  #store(append: Append, now: number): Position {
    const entry = this.log.append(append.kind, append.from, append.payload, now);
    this.onEntry?.(this, entry);
    return { epoch: this.log.epoch, offset: entry.offset, count: entry.count };
  }
}
