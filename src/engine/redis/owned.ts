import type { Clock } from "../../ports.ts";
import type { NodeLease } from "../contract.ts";
import type { Commands } from "./commands.ts";
import type { Keys } from "./keys.ts";
import { formatNote, type Note } from "./replies.ts";

/**
 * Milliseconds. What an index says is only doubted when it has been there this long: until then the record's own script may
 * be under way.
 */
const DOUBTFUL_AFTER = 60_000;
/** A node that lapsed longer ago than this and owns nothing is forgotten. Milliseconds. */
const FORGOTTEN_AFTER = 600_000;
/** How long a node relies on being listed without a lease. Milliseconds. */
const LISTED_FOR = FORGOTTEN_AFTER / 2;
/** Suspects remembered; what is forgotten stays in the index until the node lapses. */
const MOST_SUSPECTS = 10_000;
/** Above every fence. */
const ANY_FENCE = Number.MAX_SAFE_INTEGER;

/**
 * Leases, and which records a node owns: an index in the node's own slot. The record is right and the index follows. What a
 * crash leaves behind is always an entry too many, never one too few:
 *
 * - entered, but the record never named the node: the node knows (`suspect`), or it is dead, and then whoever asks what it
 *   owned looks at the records (`page`);
 * - the record was claimed or removed, but not taken out of the former owner's index: the next claim does it too, or the
 *   node is dead, as above.
 */
export class Owned {
  readonly #node: string;
  readonly #commands: Commands;
  readonly #keys: Keys;
  readonly #clock: Clock;
  /** Node and id of entries that may be too many. */
  readonly #suspects = new Map<string, readonly [node: string, id: string]>();
  /** Until when (monotonic) the list of nodes surely has this one. */
  #listedUntil = Number.NEGATIVE_INFINITY;
  #leased = false;

  constructor(node: string, commands: Commands, keys: Keys, clock: Clock) {
    this.#clock = clock;
    this.#node = node;
    this.#commands = commands;
    this.#keys = keys;
  }

  /** What was known of the server's memory counts no more. */
  reset(): void {
    this.#listedUntil = Number.NEGATIVE_INFINITY;
    this.#leased = false;
  }

  /** False where the lease that this node had is not known any more: then nothing else may be, either. */
  async renew(ms: number): Promise<boolean> {
    const known = await this.#lease(ms, 0);
    const lost = this.#leased && !known;
    this.#leased = true;
    return !lost;
  }

  async release(): Promise<void> {
    this.#leased = false;
    await this.#lease(0, 0);
  }

  async nodes(): Promise<readonly NodeLease[]> {
    const flat = await this.#commands.script("leases", { leases: this.#keys.leases }, {});
    const leases: NodeLease[] = [];
    for (let i = 0; i < flat.length; i += 2)
      leases.push({ node: String(flat[i]), remaining: Number(flat[i + 1]) });
    const owning = await Promise.all(
      leases.map(async ({ node, remaining }) => remaining > 0 || (await this.page(node, null, 1)).length > 0),
    );
    const idle = leases.filter((lease, i) => !owning[i] && lease.remaining <= -FORGOTTEN_AFTER);
    for (const { node } of idle) this.#forget(node);
    return leases.filter((_, i) => owning[i]);
  }

  /** Before the record names this node. */
  async enter(id: string, fence: number): Promise<void> {
    const { owned, entries } = this.#keys.node(this.#node);
    const listed = this.#clock.monotonic() < this.#listedUntil;
    await Promise.all([
      listed || this.#lease(0, 1),
      this.#commands.script("own", { owned, entries }, { id, fence }),
    ]);
  }

  /** After the record has ceased to name it under this fence; tells it so with a note. */
  async leave(node: string, id: string, fence: number, note?: Note): Promise<void> {
    try {
      await this.#disown(node, id, fence, 0, note);
    } catch {
      // The record is right, so what was asked for is done.
      this.suspect(node, id);
    }
  }

  /** Its entry may be too many: looked at when it is old enough. */
  suspect(node: string, id: string): void {
    if (this.#suspects.size < MOST_SUSPECTS) this.#suspects.set(`${node} ${id}`, [node, id]);
  }

  /** Ids that a node owns. Of other nodes the records are asked; this one knows whom to suspect. */
  async page(node: string, after: string | null, limit: number): Promise<string[]> {
    const { owned } = this.#keys.node(node);
    const found: string[] = [];
    for (let last = after; found.length < limit; ) {
      const wanted = limit - found.length;
      const from = last === null ? "-" : `(${last}`;
      const ids = await this.#commands.command("ownedConnections", true, (redis) =>
        redis.zrangebylex(owned, from, "+", "LIMIT", 0, wanted),
      );
      found.push(...(node === this.#node ? ids : await this.#confirmed(node, ids)));
      if (ids.length < wanted) break;
      last = ids.at(-1)!;
    }
    return found;
  }

  /** Looks at the suspects; those that are too young, or cannot be looked at now, stay suspect. */
  async tidy(): Promise<void> {
    for (const [key, [node, id]] of [...this.#suspects]) {
      this.#suspects.delete(key);
      try {
        if ((await this.#owner(id)) === node) continue;
        if (!(await this.#disown(node, id, ANY_FENCE, DOUBTFUL_AFTER))) this.suspect(node, id);
      } catch {
        this.suspect(node, id);
      }
    }
  }

  async #confirmed(node: string, ids: readonly string[]): Promise<string[]> {
    const owners = await Promise.all(ids.map((id) => this.#owner(id)));
    const stale = ids.filter((_, i) => owners[i] !== node);
    for (const id of stale) this.#disown(node, id, ANY_FENCE, DOUBTFUL_AFTER).catch(() => undefined);
    return ids.filter((_, i) => owners[i] === node);
  }

  #owner(id: string): Promise<string | null> {
    const { record } = this.#keys.connection(id);
    return this.#commands.command("ownedConnections", true, (redis) => redis.hget(record, "owner"));
  }

  /** False where the entry is of a later fence, or too young. */
  async #disown(node: string, id: string, fence: number, age: number, note?: Note): Promise<boolean> {
    const text = note ? formatNote(note) : "";
    const done = await this.#commands.script("disown", this.#keys.node(node), { id, fence, age, note: text });
    return done === 1;
  }

  async #lease(ms: number, unlessLonger: 0 | 1): Promise<boolean> {
    const { leases } = this.#keys;
    const asked = this.#clock.monotonic();
    const known = await this.#commands.script("lease", { leases }, { node: this.#node, ms, unlessLonger });
    this.#listedUntil = asked + LISTED_FOR;
    return known === 1;
  }

  #forget(node: string): void {
    const { leases } = this.#keys;
    this.#commands.script("forget", { leases }, { node, age: FORGOTTEN_AFTER }).catch(() => undefined);
  }
}
