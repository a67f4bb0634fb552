import type { Fact } from "../simulation/history.ts";

export const ENTERED = "I have entered the room";
export const HAS_LEFT = "I have left the room";

export interface Place {
  readonly epoch: string;
  readonly offset: number;
}

/** What the wire told one of the clients about a room's log. */
interface Entry extends Place {
  readonly payload: Readonly<Record<string, unknown>>;
  /** How many facts there were when somebody knew of it first. */
  readonly known: number;
}

interface Room {
  /** By epoch and offset. */
  readonly entries: Map<string, Entry>;
  /** What lies up to here had happened when there were that many facts. */
  readonly reached: (Place & { readonly known: number })[];
  readonly starts: Start[];
  /** In the order in which they became known, and how many facts there were then. */
  readonly epochs: Map<string, number>;
  /** Where the record begins: somebody listens from here on. */
  from: Place | null;
}

/** Where a connection was told, in the answer to a change of rooms, that it hears a room from. */
interface Start extends Place {
  readonly connection: string;
  readonly known: number;
}

/** What one room's log held between two losses of the store. */
interface Log {
  readonly epoch: string;
  /** Losses before it. */
  readonly era: number;
  readonly entries: Placed[];
}

/** An entry, and the facts between which it was stored. */
interface Placed {
  readonly offset: number;
  readonly payload: Readonly<Record<string, unknown>>;
  earliest: number;
  latest: number;
}

/** What a client asked, by the facts. */
interface Op {
  readonly verb: string;
  readonly subject: string;
  readonly connection: string;
  readonly asked: number;
  /** Infinity: never. */
  readonly answered: number;
  readonly done: boolean;
}

/** How long before a loss of the store something may have been acknowledged that reached nobody else. Milliseconds. */
const TAIL = 3_000;

/**
 * The rooms' logs, put together from what the clients were delivered: each delivery says where in which log it stands. What was
 * stored last before a loss of the store may have reached nobody; of that, what its own client knows is taken for stored.
 */
export class Logs {
  readonly wrong: string[] = [];
  readonly #rooms = new Map<string, Room>();

  entry(name: string, place: Place, payload: Readonly<Record<string, unknown>>, known: number): void {
    const room = this.#room(name);
    const key = keyOf(place);
    const before = room.entries.get(key);
    note(room, place, known);
    if (!before) room.entries.set(key, { ...place, payload, known });
    else if (JSON.stringify(before.payload) !== JSON.stringify(payload)) {
      this.wrong.push(
        `${name} ${place.offset}: ${JSON.stringify(before.payload)} for some, ${JSON.stringify(payload)} for others`,
      );
    }
  }

  /** Whatever lies up to there is stored. */
  reach(name: string, place: Place, known: number): void {
    const room = this.#room(name);
    note(room, place, known);
    room.reached.push({ ...place, known });
    room.from ??= place;
  }

  /** A connection is told where its membership began. Of the very first one nobody else could hear. */
  member(connection: string, name: string, place: Place, known: number): void {
    this.reach(name, place, known);
    const room = this.#room(name);
    const first = room.from !== null && keyOf(place) === keyOf(room.from);
    if (first && !room.entries.has(keyOf(place)))
      this.entry(name, place, { from: connection, message: ENTERED, room: name }, known);
  }

  /** A connection is told that it has changed rooms. */
  changed(connection: string, name: string, place: Place, known: number): void {
    this.reach(name, place, known);
    this.#room(name).starts.push({ connection, known, ...place });
  }

  /** Whether it entered more often than it left, as far as anybody has heard. */
  inside(connection: string): boolean {
    let inside = 0;
    for (const { entries } of this.#rooms.values()) {
      for (const { payload } of entries.values()) {
        if (payload.from !== connection) continue;
        if (payload.message === ENTERED) inside += 1;
        if (payload.message === HAS_LEFT) inside -= 1;
      }
    }
    return inside > 0;
  }

  #room(name: string): Room {
    let room = this.#rooms.get(name);
    if (!room) {
      room = { entries: new Map(), reached: [], starts: [], epochs: new Map(), from: null };
      this.#rooms.set(name, room);
    }
    return room;
  }

  /** The facts, and among them what must have happened in the rooms by then. */
  history(facts: readonly Fact[], times: readonly number[]): Fact[] {
    const ops = opsOf(facts);
    const losses = [...facts.keys()].filter((at) => facts[at]!.kind === "emptied");
    const logs = new Map([...this.#rooms].map(([name, room]) => [name, this.#logs(name, room, ops, losses)]));
    const starts = new Map([...this.#rooms].map(([name, room]) => [name, room.starts]));
    const tails = new Tails(logs, starts, ops, losses, times);
    if (losses.length > 0) tails.add();
    return merged(facts, logs, tails.unseen);
  }

  /** A room's logs, one after the other, with what is known of when each entry was stored. */
  #logs(name: string, room: Room, ops: readonly Op[], losses: readonly number[]): Log[] {
    const says = new Map(ops.flatMap((op) => (op.verb === "say" ? [[op.subject, op]] : [])));
    const logs: Log[] = [];
    let era = losses.length + 1;
    for (const [epoch, known] of [...room.epochs].toReversed()) {
      era = Math.min(era - 1, losses.filter((at) => at < known).length);
      logs.unshift({ epoch, era, entries: [] });
    }
    if (era < 0)
      this.wrong.push(`${name}: ${logs.length} logs, and the store was lost ${losses.length} times`);
    for (const { epoch, era, entries } of logs) {
      const heard = [...room.entries.values()].filter((entry) => entry.epoch === epoch);
      heard.sort((a, b) => a.offset - b.offset);
      let next = room.from?.epoch === epoch ? room.from.offset + 1 : 1;
      for (const { offset } of heard) {
        if (offset > next)
          this.wrong.push(
            `${name}: nobody ever heard ${next}${offset - next > 1 ? ` to ${offset - 1}` : ""}`,
          );
        next = Math.max(next, offset + 1);
      }
      const reached = room.reached.filter((place) => place.epoch === epoch);
      reached.sort((a, b) => a.offset - b.offset);
      const entered = losses.length === 0 ? answeredChanges(name, heard, ops) : new Map<Entry, number>();
      let latest = losses[era] ?? Number.POSITIVE_INFINITY;
      for (const entry of heard.toReversed()) {
        const { offset, payload, known } = entry;
        while (reached.length > 0 && reached.at(-1)!.offset >= offset)
          latest = Math.min(latest, reached.pop()!.known);
        const say = says.get(String(payload.message));
        const answered = say?.done ? say.answered : Number.POSITIVE_INFINITY;
        latest = Math.min(latest, known, answered, entered.get(entry) ?? Number.POSITIVE_INFINITY);
        entries.unshift({ offset, payload, earliest: 0, latest });
      }
      let earliest = losses[era - 1] ?? 0;
      for (const entry of entries) {
        earliest = Math.max(earliest, says.get(String(entry.payload.message))?.asked ?? 0);
        entry.earliest = earliest;
      }
    }
    return logs;
  }
}

/** Facts, and how many there were before them. */
interface Inserted {
  readonly at: number;
  readonly facts: Fact[];
}

/** What was stored last before a loss, and reached nobody but who asked for it. */
class Tails {
  /** What no log tells: who left a room before it was in the new log, and who is in a new log unannounced. */
  readonly unseen: Inserted[] = [];
  readonly #logs: ReadonlyMap<string, Log[]>;
  readonly #starts: ReadonlyMap<string, readonly Start[]>;
  readonly #ops: readonly Op[];
  readonly #losses: readonly number[];
  readonly #times: readonly number[];

  constructor(
    logs: ReadonlyMap<string, Log[]>,
    starts: ReadonlyMap<string, readonly Start[]>,
    ops: readonly Op[],
    losses: readonly number[],
    times: readonly number[],
  ) {
    this.#logs = logs;
    this.#starts = starts;
    this.#ops = ops;
    this.#losses = losses;
    this.#times = times;
  }

  add(): void {
    const rooms = new Map<string, string>();
    const heard = new Set<string>();
    for (const logs of this.#logs.values())
      for (const { entries } of logs) for (const { payload } of entries) heard.add(String(payload.message));
    for (const op of this.#ops) {
      const { verb, subject, connection, done } = op;
      const room = rooms.get(connection) ?? "defaultRoom";
      if (!done) continue;
      if (verb === "say" && !heard.has(subject)) this.#lost(room, op, subject);
      if (verb !== "roomChange" || subject === room) continue;
      rooms.set(connection, subject);
      if (!this.#told(room, op, HAS_LEFT) && !this.#lost(room, op, HAS_LEFT))
        this.unseen.push({
          at: op.answered,
          facts: [{ kind: "faded", topic: `room:${room}`, connection, epoch: "", offset: 0 }],
        });
      if (!this.#told(subject, op, ENTERED) && !this.#silent(subject, op)) this.#lost(subject, op, ENTERED);
    }
  }

  /** It entered after a loss of the store, and what was lost may have held the announcement of an earlier attempt. */
  #silent(room: string, { connection, asked, answered }: Op): boolean {
    const during = this.#losses.findLastIndex((at) => at > asked && at < answered);
    const start = this.#starts
      .get(room)
      ?.find((one) => one.connection === connection && one.known > asked && one.known <= answered);
    if (during < 0 || !start) return false;
    const { epoch, offset } = start;
    const log = this.#logs.get(room)?.find((one) => one.epoch === epoch);
    if (!log || log.era <= during) return false;
    const joined = { kind: "joined", topic: `room:${room}`, connection, epoch, offset } as const;
    this.unseen.push({ at: answered, facts: [joined] });
    return true;
  }

  /** Whether it is announced, somewhere between the question and the answer. */
  #told(room: string, { connection, asked, answered }: Op, text: string): boolean {
    return (this.#logs.get(room) ?? []).some(({ entries }) =>
      entries.some(
        ({ payload, earliest, latest }) =>
          payload.from === connection &&
          payload.message === text &&
          latest >= asked &&
          // Whoever leaves is not told where.
          (text === HAS_LEFT ? earliest : latest) <= answered,
      ),
    );
  }

  /** It was stored before a loss, if there was one while it was under way or soon after; false otherwise. */
  #lost(room: string, { connection, asked, answered }: Op, message: string): boolean {
    const during = this.#losses.findLastIndex((at) => at > asked && at < answered);
    const era = during >= 0 ? during : this.#losses.findIndex((at) => at > answered);
    const loss = this.#losses[era];
    if (loss === undefined || (during < 0 && this.#times[loss]! - this.#times[answered]! > TAIL))
      return false;
    const logs = this.#logs.get(room);
    if (!logs) return false;
    let log = logs.find((one) => one.era === era);
    if (!log) {
      log = { epoch: `lost with ${era}`, era, entries: [] };
      logs.splice(logs.filter((one) => one.era < era).length, 0, log);
    }
    log.entries.push({
      offset: (log.entries.at(-1)?.offset ?? 0) + 1,
      payload: { from: connection, message, room },
      earliest: Math.max(asked, log.entries.at(-1)?.earliest ?? 0),
      latest: loss,
    });
    return true;
  }
}

function merged(
  facts: readonly Fact[],
  logs: ReadonlyMap<string, Log[]>,
  unseen: readonly Inserted[],
): Fact[] {
  const placed: Inserted[] = [...unseen];
  /** Facts by where they stood, once all are in place. */
  const since = new Map<object, number>();
  for (const [name, ofRoom] of logs) {
    const topic = `room:${name}`;
    for (const { epoch, entries } of ofRoom) {
      for (const { offset, payload, earliest, latest } of entries) {
        const from = typeof payload.from === "string" ? payload.from : null;
        const { message } = payload;
        const announces = message === ENTERED || message === HAS_LEFT;
        const entry = announces ? "announcement" : "message";
        const stored = { kind: "stored", topic, epoch, offset, entry, from, payload } as const;
        since.set(stored, earliest);
        const all: Fact[] = [stored];
        if (from !== null && message === ENTERED)
          all.push({ kind: "joined", topic, connection: from, epoch, offset });
        if (from !== null && message === HAS_LEFT)
          all.unshift({ kind: "left", topic, connection: from, epoch, offset: offset - 1 });
        placed.push({ at: latest, facts: all });
      }
    }
  }
  placed.sort((a, b) => a.at - b.at);
  const all: Fact[] = [];
  const moved: number[] = [];
  let next = 0;
  for (const [at, fact] of facts.entries()) {
    for (; next < placed.length && placed[next]!.at <= at; next += 1) all.push(...placed[next]!.facts);
    moved.push(all.length);
    all.push(fact);
  }
  for (; next < placed.length; next += 1) all.push(...placed[next]!.facts);
  return all.map((fact) => {
    const asked = since.get(fact);
    return asked === undefined || fact.kind !== "stored" ? fact : { ...fact, since: moved[asked] ?? 0 };
  });
}

/** In the order in which they were asked. */
/**
 * When somebody knew of an entering because the change was answered. Others that were not answered make it earlier, not later: the nth time
 * that a connection entered a room was no later than its nth answered change to it.
 */
function answeredChanges(room: string, heard: readonly Entry[], ops: readonly Op[]): Map<Entry, number> {
  const changes = ops.filter(({ verb, subject, done }) => verb === "roomChange" && subject === room && done);
  const times = new Map<string, number>();
  const answered = new Map<Entry, number>();
  for (const entry of heard) {
    const { from, message } = entry.payload;
    if (message !== ENTERED || typeof from !== "string") continue;
    const time = times.get(from) ?? 0;
    times.set(from, time + 1);
    const change = changes.filter(({ connection }) => connection === from)[time];
    if (change) answered.set(entry, change.answered);
  }
  return answered;
}

function opsOf(facts: readonly Fact[]): Op[] {
  const connections = new Map<number, string>();
  const ops = new Map<number, Op>();
  for (const [at, fact] of facts.entries()) {
    if (fact.kind === "id") connections.set(fact.client, fact.connection);
    else if (fact.kind === "ask") {
      const { verb, subject } = fact;
      const connection = connections.get(fact.client) ?? "";
      ops.set(fact.op, {
        verb,
        subject,
        connection,
        asked: at,
        answered: Number.POSITIVE_INFINITY,
        done: false,
      });
    } else if (fact.kind === "answer") {
      const op = ops.get(fact.op);
      if (op) ops.set(fact.op, { ...op, answered: at, done: fact.code === null });
    }
  }
  return [...ops.values()];
}

function note({ epochs }: Room, { epoch }: Place, known: number): void {
  if (!epochs.has(epoch)) epochs.set(epoch, known);
}

function keyOf({ epoch, offset }: Place): string {
  return `${epoch} ${offset}`;
}

export function placeOf(position: string): Place {
  const [epoch = "", offset = ""] = position.split(".");
  return { epoch, offset: Number(offset) };
}
