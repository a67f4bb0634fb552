import { type Claim, type ConnectionState, EngineFailure } from "../contract.ts";
import { OrderedIds } from "./ordered-ids.ts";

/** How long a removed id is remembered (milliseconds), so that a late duplicate does not bring it back. */
const REMOVED_MEMORY = 10 * 60_000;

interface Field {
  /** null: removed; only the act is remembered. */
  readonly text: string | null;
  readonly act: number;
}

interface Connection {
  fence: number;
  owner: string;
  fields: Map<string, Field>;
}

/** The connection records and who owns them. */
export class Connections {
  readonly #records = new Map<string, Connection>();
  readonly #owned = new Map<string, OrderedIds>();
  /** When each was removed; the longest ago first. */
  readonly #removed = new Map<string, number>();

  copy(): Connections {
    const copy = new Connections();
    for (const [id, { fence, owner, fields }] of this.#records) {
      copy.#records.set(id, { fence, owner, fields: new Map(fields) });
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
    record.fields = merged(record.fields, fields);
    this.#own(owner, id);
    return {
      claim: { outcome: "claimed", state: state(record) },
      from: former === owner ? null : former,
    };
  }

  write(id: string, fence: number, fields: Record<string, string | null>, act: number): void {
    const record = this.#records.get(id);
    if (!record || record.fence !== fence) throw fenced(id, fence, record?.fence);
    for (const [name, text] of Object.entries(fields)) {
      const standing = record.fields.get(name);
      if (!standing || standing.act < act) record.fields.set(name, { text, act });
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
    this.#records.set(id, { fence, owner, fields: merged(new Map(), fields) });
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

/** The acts start anew under a new fence, and what was removed under the old one need not be remembered. */
function merged(standing: ReadonlyMap<string, Field>, fields: Record<string, string>): Map<string, Field> {
  const result = new Map<string, Field>();
  for (const [name, { text }] of standing) if (text !== null) result.set(name, { text, act: 0 });
  for (const [name, text] of Object.entries(fields)) result.set(name, { text, act: 0 });
  return result;
}

function state(record: Connection): ConnectionState {
  const fields: [string, string][] = [];
  for (const [name, { text }] of record.fields) if (text !== null) fields.push([name, text]);
  return { fence: record.fence, owner: record.owner, fields: Object.fromEntries(fields) };
}

function fenced(id: string, fence: number, standing: number | undefined): EngineFailure {
  const why = standing === undefined ? "the record is gone" : `the record's fence is ${standing}`;
  return new EngineFailure("fenced", `connection ${id} cannot be written under fence ${fence}: ${why}`);
}
