import { type Claim, type ConnectionState, EngineFailure } from "../contract.ts";
import { OrderedIds } from "./ordered-ids.ts";

/** How long a removed id is remembered (milliseconds), so that a late duplicate does not bring it back. */
const REMOVED_MEMORY = 10 * 60_000;

interface Connection {
  fence: number;
  owner: string;
  /** null: removed; only the act is remembered. */
  readonly fields: Record<string, string | null>;
  /** The last act that wrote each field; 0 where there is none. */
  acts: Map<string, number> | null;
}

/** The connection records and who owns them. */
export class Connections {
  readonly #records = new Map<string, Connection>();
  readonly #owned = new Map<string, OrderedIds>();
  /** When each was removed; the longest ago first. */
  readonly #removed = new Map<string, number>();

  copy(): Connections {
    const copy = new Connections();
    for (const [id, { fence, owner, fields, acts }] of this.#records) {
      copy.#records.set(id, { fence, owner, fields: { ...fields }, acts: acts && new Map(acts) });
      copy.#own(owner, id);
    }
    for (const [id, at] of this.#removed) copy.#removed.set(id, at);
    return copy;
  }

  create(id: string, owner: string, fields: Record<string, string>): void {
    if (this.#records.has(id) || this.#removed.has(id)) return;
    this.#put(id, 1, owner, fields);
  }

  restore(id: string, fence: number, owner: string, fields: Record<string, string>): void {
    const standing = this.#records.get(id);
    if (standing?.fence === fence && standing.owner === owner) return;
    if (this.#removed.has(id) || (standing && standing.fence >= fence))
      throw fenced(id, fence, standing?.fence);
    if (standing) this.#disown(standing.owner, id);
    this.#put(id, fence, owner, fields);
  }

  read(id: string): ConnectionState | null {
    const record = this.#records.get(id);
    return record ? state(record) : null;
  }

  /** `from`: the owner who has to let go, null when nobody has. */
  claim(
    id: string,
    expect: number,
    owner: string,
    fields: Record<string, string>,
  ): { claim: Claim; from: string | null } {
    const record = this.#records.get(id);
    if (!record) return { claim: { outcome: "gone" }, from: null };
    if (record.fence !== expect) {
      const mine = record.fence === expect + 1 && record.owner === owner;
      return { claim: { outcome: mine ? "claimed" : "moved", state: state(record) }, from: null };
    }
    const former = record.owner;
    this.#disown(former, id);
    record.fence += 1;
    record.owner = owner;
    // The acts start anew under a new fence, and what was removed under the old one need not be remembered.
    record.acts = null;
    for (const [name, text] of Object.entries(record.fields)) if (text === null) delete record.fields[name];
    for (const [name, text] of Object.entries(fields)) set(record.fields, name, text);
    this.#own(owner, id);
    return {
      claim: { outcome: "claimed", state: state(record) },
      from: former === owner ? null : former,
    };
  }

  write(id: string, fence: number, fields: Record<string, string | null>, act: number): void {
    const record = this.#records.get(id);
    if (!record || record.fence !== fence) throw fenced(id, fence, record?.fence);
    record.acts ??= new Map();
    for (const [name, text] of Object.entries(fields)) {
      if (Object.hasOwn(record.fields, name) && (record.acts.get(name) ?? 0) >= act) continue;
      set(record.fields, name, text);
      record.acts.set(name, act);
    }
  }

  remove(id: string, fence: number, now: number): void {
    const record = this.#records.get(id);
    if (!record) return;
    if (record.fence !== fence) throw fenced(id, fence, record.fence);
    this.#disown(record.owner, id);
    this.#records.delete(id);
    this.#removed.set(id, now);
    this.#expire(now);
  }

  owned(node: string, after: string | null, limit: number): string[] {
    return this.#owned.get(node)?.page(after, limit) ?? [];
  }

  owners(): Iterable<string> {
    return this.#owned.keys();
  }

  #expire(now: number): void {
    for (const [id, at] of this.#removed) {
      if (now - at < REMOVED_MEMORY) return;
      this.#removed.delete(id);
    }
  }

  #put(id: string, fence: number, owner: string, fields: Record<string, string>): void {
    this.#records.set(id, { fence, owner, fields: { ...fields }, acts: null });
    this.#own(owner, id);
  }

  #own(node: string, id: string): void {
    const ids = this.#owned.get(node);
    if (ids) ids.add(id);
    else {
      const first = new OrderedIds();
      first.add(id);
      this.#owned.set(node, first);
    }
  }

  #disown(node: string, id: string): void {
    const ids = this.#owned.get(node);
    ids?.delete(id);
    if (ids?.size === 0) this.#owned.delete(node);
  }
}

/** A name may be `__proto__`. An object, since it takes a third of what a Map takes. */
function set(fields: Record<string, string | null>, name: string, text: string | null): void {
  Object.defineProperty(fields, name, { value: text, enumerable: true, writable: true, configurable: true });
}

function state({ fence, owner, fields }: Connection): ConnectionState {
  const standing = Object.entries(fields).filter((field): field is [string, string] => field[1] !== null);
  return { fence, owner, fields: Object.fromEntries(standing) };
}

function fenced(id: string, fence: number, standing: number | undefined): EngineFailure {
  const why = standing === undefined ? "the record is gone" : `the record's fence is ${standing}`;
  return new EngineFailure("fenced", `connection ${id} cannot be written under fence ${fence}: ${why}`);
}
