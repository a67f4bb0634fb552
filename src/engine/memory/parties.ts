import { EngineFailure, type Position } from "../contract.ts";
import { OrderedIds } from "./ordered-ids.ts";
import { Outcomes } from "./outcomes.ts";

/** How long what is known of a party outlives its membership (milliseconds), and of how many at most. */
export const PARTY_MEMORY = 10 * 60_000;
const MOST_DEPARTED = 65_536;

/** Everything a topic knows of one connection: member, publisher, holder, or what is left of one. */
export class Party {
  readonly id: string;
  fence = 0;
  /** The last act that came, went, held, released or appended, under `fence`. */
  act = 0;
  /** The last act that set `info`, under `fence`. */
  infoAct = 0;
  /** null while it is not a member. */
  info: string | null = null;
  joined: Position | null = null;
  left: Position | null = null;
  readonly outcomes: Outcomes;
  touchedAt = 0;

  constructor(id: string, outcomes = new Outcomes()) {
    this.id = id;
    this.outcomes = outcomes;
  }

  /** What is left of it where the log begins anew. */
  anew(): Party {
    const party = new Party(this.id, this.outcomes.anew());
    party.fence = this.fence;
    return party;
  }

  /** Moves the fence up; refuses an older one. */
  under(fence: number): void {
    if (fence < this.fence) {
      throw new EngineFailure("fenced", `fence ${fence} of ${this.id} has been overtaken by ${this.fence}`);
    }
    if (fence > this.fence) {
      this.fence = fence;
      this.act = 0;
      this.infoAct = 0;
    }
  }

  /** False for an act that has been done, or that a later one has overtaken. */
  begin(act: number): boolean {
    if (act <= this.act) return false;
    this.act = act;
    return true;
  }
}

/**
 * The parties of one topic. Members stay; of others the fence, acts and outcomes are remembered for a while, so that
 * what arrives late is recognised.
 */
export class Parties {
  // Most topics are lines, which have a holder and no members: made with the first one.
  #members: Map<string, Party> | null = null;
  #order: OrderedIds | null = null;
  /** Not members; the one touched longest ago first. */
  readonly #others = new Map<string, Party>();

  /** What is left of them where the log begins anew: nobody is a member. */
  anew(now: number): Parties {
    const parties = new Parties();
    for (const known of [this.#others, this.#members ?? []])
      for (const [, party] of known) parties.#touch(party.anew(), now);
    return parties;
  }

  get members(): number {
    return this.#members?.size ?? 0;
  }

  get empty(): boolean {
    return this.members === 0 && this.#others.size === 0;
  }

  /** The party under this fence, made when there is none. */
  enter(id: string, fence: number, now: number): Party {
    const member = this.#members?.get(id);
    if (member) {
      member.under(fence);
      return member;
    }
    this.expire(now);
    const party = this.#others.get(id) ?? new Party(id);
    party.under(fence);
    this.#touch(party, now);
    return party;
  }

  admit(party: Party): void {
    this.#others.delete(party.id);
    this.#members ??= new Map();
    this.#order ??= new OrderedIds();
    this.#members.set(party.id, party);
    this.#order.add(party.id);
  }

  dismiss(party: Party, now: number): void {
    this.#members?.delete(party.id);
    this.#order?.delete(party.id);
    this.#touch(party, now);
  }

  page(after: string | null, limit: number): Party[] {
    const members = this.#members;
    if (members === null || this.#order === null) return [];
    return this.#order.page(after, limit).map((id) => members.get(id)!);
  }

  expire(now: number): void {
    for (const party of this.#others.values()) {
      if (this.#others.size <= MOST_DEPARTED && now - party.touchedAt < PARTY_MEMORY) return;
      this.#others.delete(party.id);
    }
  }

  #touch(party: Party, now: number): void {
    party.touchedAt = now;
    // To the end of the order.
    this.#others.delete(party.id);
    this.#others.set(party.id, party);
  }
}
