/**
 * Every name that the engine uses in Redis is born here. What must change together shares a hash tag, so that it shares a
 * slot: one tag for each topic, each connection record, each node, and one for the list of nodes. A name is encoded before
 * it becomes part of a key: no brace in it can move a slot, and no two names meet in one key.
 */

const NAMESPACE = /^[A-Za-z0-9_.-]{1,64}$/;

/** Letters, digits and a few signs stay readable; every other UTF-16 unit becomes `%` and four hex digits. */
export function encodeName(name: string): string {
  return name.replace(/[^A-Za-z0-9_.:@-]/g, (unit) => `%${unit.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

export interface TopicKeys {
  /** Hash: server identity, epoch, counters. */
  readonly meta: string;
  /** Streams of entries, by offset. */
  readonly messages: string;
  readonly announcements: string;
  /** Sorted set of member ids, all with score 0, and what others see of each. */
  readonly members: string;
  readonly infos: string;
  /** Hash: who holds or held this line. */
  readonly line: string;
  /** A shard channel, not a key; of the same slot. */
  readonly channel: string;
}

export interface ConnectionKeys {
  readonly record: string;
  /** Hash: the act that last wrote each field. */
  readonly acts: string;
  /** Stands for a while after the record was removed. */
  readonly removed: string;
}

export interface NodeKeys {
  /** Sorted set of the ids of owned connections, all with score 0; and hash: fence and time of each entry. */
  readonly owned: string;
  readonly entries: string;
  /** A shard channel, not a key; of the same slot. */
  readonly inbox: string;
}

export class Keys {
  readonly #namespace: string;
  /** Sorted set: node, and when its lease ends. */
  readonly leases: string;
  /** To try out what the user of this Redis may do. */
  readonly probe: { readonly probe: string; readonly channel: string };
  /** One key and one channel of each kind, for the same purpose. */
  readonly samples: { readonly keys: readonly string[]; readonly channels: readonly string[] };

  constructor(namespace: string) {
    if (!NAMESPACE.test(namespace))
      throw new Error(`a namespace in Redis is 1 to 64 letters, digits, "_", "." or "-"; not "${namespace}"`);
    this.#namespace = namespace;
    this.leases = `${namespace}:{nodes}:leases`;
    this.probe = { probe: `${namespace}:{probe}:key`, channel: `${namespace}:{probe}:channel` };
    const [topic, node] = [this.topic("probe"), this.node("probe")];
    this.samples = {
      keys: [topic.meta, this.connection("probe").record, node.owned, this.leases],
      channels: [topic.channel, node.inbox],
    };
  }

  topic(topic: string): TopicKeys {
    const at = this.#tagged("t", topic);
    return {
      meta: `${at}:meta`,
      messages: `${at}:messages`,
      announcements: `${at}:announcements`,
      members: `${at}:members`,
      infos: `${at}:infos`,
      line: `${at}:line`,
      channel: this.channel(topic),
    };
  }

  channel(topic: string): string {
    return `${this.#tagged("t", topic)}:push`;
  }

  /** What a topic knows of one connection. */
  party(topic: string, id: string): string {
    return `${this.#tagged("t", topic)}:party:${encodeName(id)}`;
  }

  connection(id: string): ConnectionKeys {
    const at = this.#tagged("c", id);
    return { record: `${at}:record`, acts: `${at}:acts`, removed: `${at}:removed` };
  }

  node(node: string): NodeKeys {
    const at = this.#tagged("n", node);
    return { owned: `${at}:owned`, entries: `${at}:entries`, inbox: `${at}:inbox` };
  }

  /** The kind inside the tag keeps it from being empty, which would make Redis hash the whole key. */
  #tagged(kind: "t" | "c" | "n", name: string): string {
    return `${this.#namespace}:{${kind}:${encodeName(name)}}`;
  }
}
