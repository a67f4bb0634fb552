import { isWildcard, patternsOf } from "../bayeux/index.ts";
import type { Engine } from "../engine/contract.ts";
import { channelTopic, formatPosition, parsePosition } from "../engine/contract.ts";
import { insist } from "../engine/insist.ts";
import type { Clock } from "../ports.ts";
import type { Session } from "../sessions/session.ts";

/** Plain Bayeux channels: whoever subscribes hears what is published from then on. */
export class Channels {
  readonly #engine: Engine;
  readonly #clock: Clock;
  readonly #wildcards: boolean;
  readonly #key: () => string;

  /** `wildcards`: whether anybody may have subscribed to a pattern. `key`: unique at each call. */
  constructor(engine: Engine, clock: Clock, wildcards: boolean, key: () => string) {
    this.#engine = engine;
    this.#clock = clock;
    this.#wildcards = wildcards;
    this.#key = key;
  }

  /** Stores a message on a channel; JSON data. `key`: recognised when the same is published again. `ext`: delivered with it. */
  async publish(
    channel: string,
    data: unknown,
    publisher: { id: string; fence: number; key: string } | null,
    ext?: Readonly<Record<string, unknown>>,
  ): Promise<void> {
    const more = ext === undefined ? "" : `"ext":${JSON.stringify(ext)},`;
    const payload = `{"channel":${JSON.stringify(channel)},${more}"data":${JSON.stringify(data) ?? "null"}}`;
    const by = publisher ?? { id: "server", fence: 0, key: this.#key() };
    for (const name of this.#wildcards ? patternsOf(channel) : [channel]) {
      await insist(this.#clock, () =>
        this.#engine.append(channelTopic(name), { payload, from: null, kind: "message", publisher: by }),
      );
    }
  }

  /** All of them or, where writing it down fails, none. */
  async subscribe(session: Session, names: readonly string[]): Promise<void> {
    const { record, outbox } = session;
    const fresh = names.filter((name) => !Object.hasOwn(record.channels, name));
    if (fresh.length === 0) return;
    const starts = await Promise.all(
      fresh.map((name) => insist(this.#clock, () => this.#engine.position(channelTopic(name)))),
    );
    const opened = fresh.map((name, index) => [name, formatPosition(starts[index]!)] as const);
    await session.keeper.amend({ channels: { ...record.channels, ...Object.fromEntries(opened) } });
    for (const [index, name] of fresh.entries()) outbox.open(channelTopic(name), starts[index]!);
    this.#filter(session);
  }

  async unsubscribe(session: Session, names: readonly string[]): Promise<void> {
    const { record, outbox } = session;
    const known = names.filter((name) => Object.hasOwn(record.channels, name));
    if (known.length === 0) return;
    const others = Object.entries(record.channels).filter(([name]) => !known.includes(name));
    await session.keeper.amend({ channels: Object.fromEntries(others) });
    for (const name of known) outbox.leave(channelTopic(name), null);
    this.#filter(session);
  }

  restore(session: Session): void {
    const { record, outbox } = session;
    for (const [name, text] of Object.entries(record.channels)) {
      const start = parsePosition(text);
      if (start)
        outbox.open(channelTopic(name), start, parsePosition(record.cursors[channelTopic(name)]) ?? start);
    }
    this.#filter(session);
  }

  /** A message that several of a session's patterns match is delivered once: for the first of them (case 86). */
  #filter(session: Session): void {
    const names = Object.keys(session.record.channels);
    if (names.length < 2 || !names.some((name) => isWildcard(name))) {
      session.outbox.filter = null;
      return;
    }
    session.outbox.filter = (topic, payload) => {
      const channel = payload.slice(CHANNEL_AT, payload.indexOf('"', CHANNEL_AT));
      const first = patternsOf(channel).find((pattern) => Object.hasOwn(session.record.channels, pattern));
      return first !== undefined && topic === channelTopic(first);
    };
  }
}

/** Where the name begins in a stored payload; channels need no escaping. */
const CHANNEL_AT = '{"channel":"'.length;
