import {
  type Engine,
  EngineFailure,
  formatPosition,
  identityTopic,
  lineTopic,
  parsePosition,
} from "../engine/contract.ts";
import { insist } from "../engine/insist.ts";
import type { Clock, Json } from "../ports.ts";
import { digest, isUuid4 } from "../sessions/ids.ts";
import type { Session } from "../sessions/session.ts";
import { LINE_PREFIX } from "../sessions/wording.ts";

/** The id in a line's channel; undefined for any other channel. */
export function lineOf(channel: string): string | undefined {
  return channel.startsWith(LINE_PREFIX) ? channel.slice(LINE_PREFIX.length) : undefined;
}

type Page = Awaited<ReturnType<Engine["members"]>>;

/** Lines: the channels that connections are reached on. Called in the session's turn. */
export class Lines {
  readonly #engine: Engine;
  readonly #clock: Clock;
  readonly #complete: () => Promise<boolean>;

  /** `complete`: whether nobody holds what the store does not know to be held. */
  constructor(engine: Engine, clock: Clock, complete: () => Promise<boolean>) {
    this.#engine = engine;
    this.#clock = clock;
    this.#complete = complete;
  }

  /**
   * Takes a line for the session, over the whole cluster; false when it is not to be had. The former line is let go.
   * The record names the line (and `room`, which a first line brings) before anything else does. May be repeated.
   */
  async claim(session: Session, id: string, room: string | null): Promise<boolean> {
    const { record, outbox } = session;
    if (id !== session.id && !isUuid4(id)) return false;
    // Another session's minted id is reserved for it as long as its record stands.
    if (id !== session.id) {
      if ((await insist(this.#clock, () => this.#engine.readConnection(id))) !== null) return false;
      if (!(await this.#complete()))
        throw new EngineFailure("unavailable", "the store may have lost the line; its holder takes it again");
    }
    const topic = lineTopic(id);
    const known = record.line?.id === id ? record.line : null;
    const former = { line: known ? null : record.line, rooms: record.rooms };
    const start =
      parsePosition(known?.start) ?? (await insist(this.#clock, () => this.#engine.position(topic)));
    await session.keeper.amend({
      line: { id, start: formatPosition(start) },
      ...(room === null ? {} : { rooms: { ...record.rooms, room, since: this.#clock.now() } }),
    });
    if (!(await this.#hold(session, id))) {
      Object.assign(record, former);
      await session.keeper.write("line", "rooms");
      return false;
    }
    if (former.line) {
      outbox.leave(lineTopic(former.line.id), null);
      await this.#release(session, former.line.id);
    }
    outbox.line = id;
    outbox.open(topic, start);
    return true;
  }

  async restore(session: Session): Promise<void> {
    const { record, outbox } = session;
    if (!record.line) return;
    const topic = lineTopic(record.line.id);
    outbox.line = record.line.id;
    const start =
      parsePosition(record.line.start) ?? (await insist(this.#clock, () => this.#engine.position(topic)));
    outbox.open(topic, start, parsePosition(record.cursors[topic]) ?? start);
  }

  /** Holds its line again, where the store has lost that; false when somebody else has it by now. */
  async register(session: Session): Promise<boolean> {
    const { line } = session.record;
    await this.enlist(session);
    return line === null || (await this.#hold(session, line.id));
  }

  /** From now on it is found by its identity, whether it has a line or not. */
  async enlist(session: Session): Promise<void> {
    await this.#byIdentity(session, (topic, actor) => this.#engine.join(topic, { info: "{}", ...actor }));
  }

  async leave(session: Session): Promise<void> {
    await this.#byIdentity(session, (topic, actor) => this.#engine.leave(topic, actor));
    if (session.record.line) await this.#release(session, session.record.line.id);
  }

  /** Id of the record of the connection with this public id. */
  async holder(id: string): Promise<string | null> {
    return isUuid4(id) ? insist(this.#clock, () => this.#engine.lineHolder(lineTopic(id))) : null;
  }

  /** Ids of the records of an identity's connections. */
  async ofIdentity(identity: Json): Promise<string[]> {
    const topic = identityTopic(digestOf(identity));
    const ids: string[] = [];
    for (;;) {
      const after = ids.at(-1) ?? null;
      const page: Page = await insist(this.#clock, () => this.#engine.members(topic, after, 1000));
      ids.push(...page.members.map(({ id }) => id));
      if (page.members.length < 1000) return ids;
    }
  }

  async #hold(session: Session, id: string): Promise<boolean> {
    const hold = {
      holder: session.id,
      fence: session.fence,
      act: session.keeper.act(),
      proofs: this.#proofs(session),
    };
    return (await insist(this.#clock, () => this.#engine.holdLine(lineTopic(id), hold))) === "held";
  }

  async #release(session: Session, id: string): Promise<void> {
    const act = session.keeper.act();
    await insist(this.#clock, () => this.#engine.releaseLine(lineTopic(id), session.id, session.fence, act));
  }

  /** An identity's connections are the members of a topic of its own. */
  async #byIdentity(
    session: Session,
    change: (topic: string, actor: { id: string; fence: number; act: number }) => Promise<unknown>,
  ): Promise<void> {
    const { identity } = session.record.who;
    if (identity === null) return;
    const actor = { id: session.id, fence: session.fence, act: session.keeper.act() };
    await insist(this.#clock, () => change(identityTopic(digestOf(identity)), actor));
  }

  #proofs(session: Session): string[] {
    const { identity, browser } = session.record.who;
    return [
      ...(identity === null ? [] : [`identity:${digestOf(identity)}`]),
      ...(browser === null ? [] : [`browser:${browser}`]),
    ];
  }
}

/** The same for equal identities, whatever the order of their keys. */
function digestOf(identity: Json): string {
  return digest(JSON.stringify(sorted(identity)));
}

function sorted(value: Json): Json {
  if (Array.isArray(value)) return value.map(sorted);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, item]) => [key, sorted(item as Json)]),
  );
}
