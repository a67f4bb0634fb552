import type { Ask, Fact } from "./history.ts";
import { Places } from "./places.ts";
import { type Heard, type LogEntry, misread, type Stretch } from "./reading.ts";
import type { Scenario } from "./scenarios.ts";

/** Codes with which something may end while things go wrong. Anything else is a mistake. */
const EXPLICIT = new Set([
  "unavailable",
  "outcome_unknown",
  "wrong_room",
  "already_listening",
  "not_listening",
  "offline_queue_full",
  "too_many_pending",
  "action_timeout",
]);
/** With which it may end although nothing goes wrong. */
const ORDINARY = new Set(["already_listening", "not_listening", "too_many_pending"]);
const ENTERED = "I have entered the room";
const HAS_LEFT = "I have left the room";
const FOREVER = Number.MAX_SAFE_INTEGER;

type Stored = Extract<Fact, { kind: "stored" }>;
type Move = Extract<Fact, { kind: "joined" | "rejoined" | "left" | "faded" }>;
type Indexed<T> = T & { readonly index: number };

/** Something a client asked, and what came of it. */
interface Op extends Ask {
  readonly index: number;
  answered: number | null;
  /** undefined: no answer; null: success. */
  code: string | null | undefined;
}

interface Client {
  readonly number: number;
  readonly connections: string[];
  readonly ops: Op[];
  readonly heard: Indexed<Extract<Fact, { kind: "heard" }>>[];
  stands: Extract<Fact, { kind: "stands" }> | null;
  /** Died, or left. */
  gone: boolean;
  died: boolean;
}

/** Judges a history by what the clients wrote down and what the store did. Returns what is wrong; nothing when all is well. */
export function judge(facts: readonly Fact[], scenario: Scenario): string[] {
  return new Judge(facts, scenario).judge();
}

class Judge {
  readonly #facts: readonly Fact[];
  readonly #scenario: Scenario;
  readonly #clients = new Map<number, Client>();
  readonly #logs = new Map<string, Indexed<Stored>[]>();
  readonly #moves: Indexed<Move>[] = [];
  readonly #places = new Places();
  /** The facts that say so. */
  readonly #emptied: number[] = [];
  /** By connection: when its client was given another one. */
  readonly #replaced = new Map<string, number>();
  /** By connection: how often the store had lost everything when nobody was left to register it again, and when that was. */
  readonly #orphans = new Map<string, { readonly losses: number; readonly index: number }>();
  readonly #wrong: string[] = [];

  constructor(facts: readonly Fact[], scenario: Scenario) {
    this.#facts = facts;
    this.#scenario = scenario;
  }

  judge(): string[] {
    this.#sort();
    for (const client of this.#clients.values()) {
      this.#answers(client);
      this.#says(client);
      this.#actions(client);
      this.#rooms(client);
      this.#direct(client);
    }
    this.#announcements();
    this.#sends();
    this.#ending();
    return this.#wrong;
  }

  #fail(client: Client | null, what: string): void {
    this.#wrong.push(client ? `client ${client.number} ${what}` : what);
  }

  #sort(): void {
    for (const [index, fact] of this.#facts.entries()) {
      switch (fact.kind) {
        case "ask":
          this.#client(fact.client).ops.push({ ...fact, index, answered: null, code: undefined });
          if (fact.verb === "leave") this.#client(fact.client).gone = true;
          break;
        case "answer": {
          const op = this.#client(fact.client).ops.find((one) => one.op === fact.op);
          if (!op) this.#wrong.push(`client ${fact.client} got an answer to nothing`);
          else {
            if (op.answered !== null)
              this.#wrong.push(`client ${fact.client} got two answers to ${op.subject}`);
            op.answered = index;
            op.code = fact.code;
          }
          break;
        }
        case "heard":
          this.#client(fact.client).heard.push({ ...fact, index });
          break;
        case "id": {
          const { connections } = this.#client(fact.client);
          const former = connections.at(-1);
          if (connections.includes(fact.connection)) break;
          if (former !== undefined) this.#replaced.set(former, index);
          connections.push(fact.connection);
          break;
        }
        case "died": {
          const client = this.#client(fact.client);
          client.gone = client.died = true;
          break;
        }
        case "stands":
          this.#client(fact.client).stands = fact;
          break;
        case "stored": {
          const log = this.#log(fact.topic);
          const last = log.at(-1);
          const offset = this.#places.of(fact);
          const goesOn = last?.epoch === fact.epoch ? offset === last.offset + 1 : fact.offset === 1;
          if (!goesOn) this.#wrong.push(`the log of ${fact.topic} does not go on at ${fact.offset}`);
          log.push({ ...fact, offset, index });
          break;
        }
        case "joined":
        case "rejoined":
        case "left":
        case "faded":
          this.#moves.push({ ...fact, offset: this.#places.of(fact), index });
          break;
        case "emptied":
          this.#places.emptied();
          this.#emptied.push(index);
          break;
        case "orphaned":
          this.#orphans.set(fact.connection, { losses: this.#places.losses, index });
          break;
        case "error":
          this.#wrong.push(fact.what);
      }
    }
    if (this.#scenario.empties && this.#scenario.pauses) this.#strand();
    for (const client of this.#clients.values()) {
      const former = client.connections.slice(0, -1);
      if (!this.#scenario.rebuilds && former.some((connection) => !this.#orphans.has(connection))) {
        this.#fail(client, `was given another connection: ${client.connections.join(", ")}`);
      }
    }
  }

  /**
   * Whose node stood still, or was being changed, while the store lost everything may be unknown to all for too long; its client
   * is given another connection.
   */
  #strand(): void {
    const current = new Map<number, string>();
    let losses = 0;
    const since = new Map<string, number>();
    for (const [index, fact] of this.#facts.entries()) {
      if (fact.kind === "emptied") losses += 1;
      if (fact.kind !== "id") continue;
      const former = current.get(fact.client);
      if (former !== undefined && former !== fact.connection && losses > (since.get(former) ?? 0)) {
        if (!this.#orphans.has(former)) this.#orphans.set(former, { losses, index });
      }
      if (former !== fact.connection) since.set(fact.connection, losses);
      current.set(fact.client, fact.connection);
    }
  }

  #client(number: number): Client {
    let client = this.#clients.get(number);
    if (!client) {
      client = { number, connections: [], ops: [], heard: [], stands: null, gone: false, died: false };
      this.#clients.set(number, client);
    }
    return client;
  }

  #log(topic: string): Indexed<Stored>[] {
    let log = this.#logs.get(topic);
    if (!log) {
      log = [];
      this.#logs.set(topic, log);
    }
    return log;
  }

  /** Offset of the last entry that was certainly stored before a fact. */
  #head(topic: string, index: number): number {
    let head = this.#lost(topic, index);
    for (const entry of this.#log(topic)) {
      if (entry.index > index) break;
      head = Math.max(head, entry.offset);
    }
    return head;
  }

  /** Offset of the last entry that may have been stored before a fact. */
  #reach(topic: string, index: number): number {
    let reach = this.#lost(topic, index);
    for (const entry of this.#log(topic)) {
      if (earliest(entry) > index) break;
      reach = Math.max(reach, entry.offset);
    }
    return reach;
  }

  /** Where the log was lost for the last time before a fact; 0 when it never was. */
  #lost(topic: string, index: number): number {
    return this.#places.lossesOf(topic)[this.#emptied.filter((at) => at < index).length - 1] ?? 0;
  }

  // What was asked -----------------------------------------------------------------------------------------

  #answers(client: Client): void {
    const calm = this.#calm();
    const since = this.#facts.findIndex(({ kind }) => kind === "calm");
    for (const { verb, subject, code, index } of client.ops) {
      if (code === null) continue;
      if (code === undefined) {
        if (!client.died) this.#fail(client, `was never answered: ${verb} ${subject}`);
      } else if (client.gone && code === "disconnected") {
        // What was under way when it left.
      } else if (!EXPLICIT.has(code)) this.#fail(client, `was answered "${code}": ${verb} ${subject}`);
      else if ((calm || (since >= 0 && index > since)) && !ORDINARY.has(code))
        this.#fail(client, `was answered "${code}" though nothing went wrong: ${subject}`);
    }
  }

  #calm(): boolean {
    return Object.keys(this.#scenario).every((key) => key === "clients" || key === "lasts");
  }

  /** Exactly once or explicitly not, in the room it was meant for, in the order in which they were said. */
  #says(client: Client): void {
    let before: Indexed<Stored> | null = null;
    for (const op of client.ops) {
      if (op.verb !== "say") continue;
      const stored = this.#saidAs(op.subject);
      const [first] = stored;
      const [least, most] = this.#effects(client, op);
      if (stored.length < least || stored.length > most) {
        this.#fail(
          client,
          `said "${op.subject}", answered ${String(op.code)}, and it is stored ${stored.length} times`,
        );
      }
      if (!first) continue;
      if (!client.connections.includes(first.from ?? ""))
        this.#fail(client, `said "${op.subject}", stored as of ${first.from}`);
      const rooms = this.#roomsBefore(client, op.index);
      if (!rooms.has(first.topic)) {
        this.#fail(
          client,
          `said "${op.subject}" in ${[...rooms].join(" or ")}, and it is stored in ${first.topic}`,
        );
      }
      if (
        before &&
        (before.topic === first.topic ? before.offset > first.offset : earliest(before) > first.index)
      ) {
        this.#fail(
          client,
          `said "${op.subject}" after "${String(before.payload.message)}", and it is stored before it`,
        );
      }
      before = first;
    }
  }

  #saidAs(text: string): Indexed<Stored>[] {
    this.#bySaid ??= this.#indexSaid();
    return this.#bySaid.get(text) ?? [];
  }
  #bySaid: Map<string, Indexed<Stored>[]> | null = null;

  #indexSaid(): Map<string, Indexed<Stored>[]> {
    const all = new Map<string, Indexed<Stored>[]>();
    for (const [topic, log] of this.#logs) {
      if (!topic.startsWith("room:")) continue;
      for (const entry of log) {
        const text = String(entry.payload.message);
        all.set(text, [...(all.get(text) ?? []), entry]);
      }
    }
    return all;
  }

  /** How often it may have had an effect. */
  #effects(client: Client, { code }: Op): readonly [number, number] {
    if (code === null) return [1, 1];
    const open = code === undefined || code === "outcome_unknown" || (client.gone && code === "disconnected");
    return open ? [0, 1] : [0, 0];
  }

  /** Topics of the rooms that it may want to speak in before a fact. */
  #roomsBefore(client: Client, index: number): Set<string> {
    let rooms = new Set(["room:defaultRoom"]);
    for (const op of client.ops) {
      if (op.index >= index || op.verb !== "roomChange") continue;
      const [least, most] = this.#effects(client, op);
      if (least === 1) rooms = new Set([`room:${op.subject}`]);
      else if (most === 1) rooms.add(`room:${op.subject}`);
    }
    return rooms;
  }

  #actions(client: Client): void {
    const runs = new Map<string, number>();
    for (const fact of this.#facts)
      if (fact.kind === "ran") runs.set(fact.call, (runs.get(fact.call) ?? 0) + 1);
    for (const op of client.ops) {
      if (op.verb !== "action") continue;
      const ran = runs.get(op.subject) ?? 0;
      const most = op.promise === "idempotent" ? FOREVER : 1;
      if (ran > most)
        this.#fail(
          client,
          `called ${op.promise} ${op.subject}, answered ${String(op.code)}, and it ran ${ran} times`,
        );
      if (ran < 1 && (op.code === null || op.code === "action_timeout")) {
        this.#fail(
          client,
          `was answered ${String(op.code)} to ${op.promise} ${op.subject}, and it never ran`,
        );
      }
      const surely =
        op.code === "unavailable" || op.code === "too_many_pending" || op.code === "offline_queue_full";
      if (surely && ran > 0)
        this.#fail(
          client,
          `was answered "${op.code}" to ${op.promise} ${op.subject}, and it ran ${ran} times`,
        );
    }
  }

  // What was heard -----------------------------------------------------------------------------------------

  #rooms(client: Client): void {
    const mine = this.#moves.filter((move) => client.connections.includes(move.connection));
    this.#memberships(client, mine);
    const topics = new Set([...this.#logs.keys()].filter((topic) => topic.startsWith("room:")));
    for (const topic of topics) this.#room(client, topic, mine);
  }

  /** The client was a member where and when it asked to be, and nowhere and never else. */
  #memberships(client: Client, mine: readonly Indexed<Move>[]): void {
    const joins = mine.filter((move) => move.kind === "joined");
    const lefts = mine.filter(isEnd);
    const expected = client.stands && !client.gone ? joins.length - 1 : joins.length;
    // What was left of a room that the store had lost is not seen there.
    const unseen = this.#emptied.length > 0 && lefts.length < expected;
    if (lefts.length !== expected && !unseen && client.connections.length <= 1) {
      this.#fail(client, `joined ${joins.length} times and left ${lefts.length} times`);
    }
    if (this.#rebuilt(client) || joins.length === 0) return;
    // Where it may be by now, and how many of the joins that explains.
    let states = [{ topic: joins[0]?.topic, used: joins[0]?.topic === "room:defaultRoom" ? 1 : 0 }];
    for (const op of client.ops) {
      if (op.verb !== "roomChange") continue;
      const topic = `room:${op.subject}`;
      const [least, most] = this.#effects(client, op);
      const next = new Map<string, (typeof states)[number]>();
      for (const state of states) {
        const join = joins[state.used];
        const inTime =
          join &&
          join.topic === topic &&
          join.index > op.index &&
          (op.code !== null || join.index < (op.answered ?? 0));
        const moved = most === 1 && inTime ? [{ topic, used: state.used + 1 }] : [];
        const stayed = least === 0 || state.topic === topic ? [state] : [];
        for (const one of [...moved, ...stayed]) next.set(`${one.topic} ${one.used}`, one);
      }
      states = [...next.values()];
      if (states.length === 0) {
        this.#fail(client, `changed to ${op.subject} (${String(op.code)}), which no join explains`);
        return;
      }
    }
    if (!states.some(({ used }) => used === joins.length)) {
      this.#fail(client, `joined ${joins.map(({ topic }) => topic).join(", ")}, which it did not ask for`);
    }
  }

  #room(client: Client, topic: string, mine: readonly Indexed<Move>[]): void {
    const room = topic.slice("room:".length);
    const log = this.#log(topic);
    const must: Stretch[] = [];
    const may: Stretch[] = [];
    for (const [at, move] of mine.entries()) {
      if (move.kind !== "joined" || move.topic !== topic) continue;
      const left = mine
        .slice(at)
        .find((one) => isEnd(one) && one.topic === topic && one.connection === move.connection);
      const lost = this.#orphans.get(move.connection);
      const orphaned = lost && (left === undefined || left.index > lost.index) ? lost : undefined;
      const replaced = this.#replaced.get(move.connection);
      const given = replaced === undefined ? FOREVER : this.#head(topic, replaced);
      const to = left?.offset ?? this.#swept(mine, at) ?? FOREVER;
      // On its way back to where it was, a new connection passes through a room in which nobody wants to be.
      const passes =
        move.connection !== client.connections[0] && !this.#roomsBefore(client, move.index).has(topic);
      if (!passes && (!orphaned || this.#learned(client, room, move, orphaned.index)))
        must.push({
          from: move.offset,
          to: Math.min(given, orphaned ? this.#places.loss(topic, orphaned.losses) : to),
        });
      // Its node may have gone on delivering until it died, or it left.
      const over = orphaned ?? (left?.kind === "faded" ? left : undefined);
      may.push({ from: move.offset, to: over ? this.#head(topic, over.index) : to });
    }
    this.#listening(client, room, must, may);
    const places = placesBy(log, ({ payload }) => placeOf(payload));
    const heard: Heard[] = [];
    let last = -1;
    for (const { event, message } of client.heard) {
      if (event === "gap") {
        const gap = message.gap as { room: string | null; missed: number | null };
        if (gap.room !== room) continue;
        heard.push({ missed: gap.missed });
        if (gap.missed === null) last = Math.max(last, this.#places.lossAfter(topic, last));
      } else if (event === "say" && message.room === room) {
        const offset = after(last, places.get(placeOf(message)));
        if (offset === undefined) this.#fail(client, `heard what nobody said: ${JSON.stringify(message)}`);
        else {
          last = Math.max(last, offset);
          heard.push({ offset, about: String(message.message) });
        }
      }
    }
    const wrong = misread({
      log: log.map((entry) => entryOf(entry, this.#ownIn(client, entry))),
      heard,
      must,
      may,
      until: client.gone ? last : FOREVER,
      announcements: this.#scenario.keeps === undefined,
      losses: this.#places.lossesOf(topic),
      rebuilds: this.#rebuilt(client),
    });
    for (const one of wrong) this.#fail(client, `in ${room}: ${one}`);
  }

  /** Where a membership ended that the store lost before it was left for another room. */
  #swept(mine: readonly Indexed<Move>[], at: number): number | undefined {
    const { topic, connection } = mine[at]!;
    const next = mine.slice(at + 1).find((one) => one.kind === "joined" && one.connection === connection);
    const lost = next ? this.#lost(topic, next.index) : 0;
    return lost > mine[at]!.offset ? lost : undefined;
  }

  /** It was told that it is in that room, before the connection was lost to all. */
  #learned(client: Client, room: string, { index }: Indexed<Move>, lost: number): boolean {
    const told = (op: Op): boolean => op.answered !== null && op.answered > index && op.answered < lost;
    const asked = client.ops.filter((op) => op.verb === "roomChange" && op.index < index);
    if (asked.length === 0)
      return client.heard.some((heard) => heard.event === "welcome" && heard.index < lost);
    return asked.some((op) => op.subject === room && told(op));
  }

  /** From where to where it heard a room beside its own: between what it asked and what it was answered. */
  #listening(client: Client, room: string, must: Stretch[], may: Stretch[]): void {
    const topic = `room:${room}`;
    let possible: number | null = null;
    let certain: number | null = null;
    for (const op of client.ops) {
      if (op.subject !== room) continue;
      const asked = this.#head(topic, op.index);
      const answered = op.answered === null ? FOREVER : this.#reach(topic, op.answered);
      const [least, most] = this.#effects(client, op);
      if (op.verb === "listenToRoom") {
        if (most === 1) possible ??= asked;
        if (least === 1) certain ??= answered;
      } else if (op.verb === "silenceRoom") {
        if (most === 1 && certain !== null) {
          must.push({ from: certain, to: asked });
          certain = null;
        }
        const over = least === 1 || op.code === "not_listening";
        if (over && possible !== null) {
          may.push({ from: possible, to: answered });
          possible = null;
        }
      }
    }
    if (certain !== null) must.push({ from: certain, to: FOREVER });
    if (possible !== null) may.push({ from: possible, to: FOREVER });
  }

  /** It said so itself: not what was told of a connection that nobody knew any more, when it expired. */
  #ownIn(client: Client, { from, index }: Indexed<Stored>): boolean {
    if (from === null || !client.connections.includes(from)) return false;
    if (from === client.connections.at(-1)) return true;
    return index < (this.#orphans.get(from)?.index ?? FOREVER);
  }

  /** It was given another connection, as it may be. */
  #rebuilt(client: Client): boolean {
    return (this.#scenario.rebuilds ?? false) || client.connections.length > 1;
  }

  /** Messages to the connection itself. */
  #direct(client: Client): void {
    for (const connection of client.connections) {
      const log = this.#log(`line:${connection}`);
      const places = placesBy(log, ({ payload }) => payload.direct);
      const current = client.connections.at(-1) === connection && !client.gone;
      const heard: Heard[] = [];
      let last = -1;
      for (const { event, message } of client.heard) {
        const gap = message.gap as { room: string | null; missed: number | null } | undefined;
        if (event === "gap" && gap?.room === null) {
          heard.push({ missed: gap.missed });
          if (gap.missed === null) last = Math.max(last, this.#places.lossAfter(`line:${connection}`, last));
        }
        const offset = event === "api" ? after(last, places.get(message.direct)) : undefined;
        if (offset === undefined) continue;
        last = Math.max(last, offset);
        heard.push({ offset, about: `direct message ${String(message.direct)}` });
      }
      const all = [{ from: 0, to: FOREVER }];
      const wrong = misread({
        log: log.map((entry) => entryOf(entry, this.#ownIn(client, entry))),
        heard,
        must: all,
        may: all,
        until: current ? FOREVER : last,
        announcements: true,
        losses: this.#places.lossesOf(`line:${connection}`),
        rebuilds: this.#rebuilt(client),
      });
      for (const one of wrong) this.#fail(client, `on its line: ${one}`);
    }
  }

  // Beside the clients -------------------------------------------------------------------------------------

  /** One announcement for each coming and each going, where it belongs. */
  #announcements(): void {
    for (const [topic, log] of this.#logs) {
      if (!topic.startsWith("room:")) continue;
      const told = log.filter((entry) => entry.entry === "announcement");
      const due = this.#moves.filter(
        (move) => move.topic === topic && (move.kind === "joined" || move.kind === "left"),
      );
      const key = (from: string | null, text: string, offset: number): string => `${from} ${text} ${offset}`;
      const expected = new Set(
        due.map(({ kind, connection, offset }) =>
          kind === "joined" ? key(connection, ENTERED, offset) : key(connection, HAS_LEFT, offset + 1),
        ),
      );
      for (const { from, payload, offset } of told) {
        if (!expected.delete(key(from, String(payload.message), offset))) {
          this.#fail(
            null,
            `${topic}: an announcement that nothing explains: ${from} ${String(payload.message)} (${offset})`,
          );
        }
      }
      for (const move of due) {
        // It may have been announced in the log that was lost.
        if (move.kind === "joined" && this.#doubtful(move))
          expected.delete(key(move.connection, ENTERED, move.offset));
      }
      for (const missing of expected) this.#fail(null, `${topic}: not announced: ${missing}`);
    }
  }

  /** The store was lost between the question and what came of it. */
  #doubtful({ connection, topic, index }: Indexed<Move>): boolean {
    for (const { connections, ops } of this.#clients.values()) {
      if (!connections.includes(connection)) continue;
      const asked = ops.findLast(
        (op) => op.verb === "roomChange" && `room:${op.subject}` === topic && op.index < index,
      );
      return this.#emptied.some((at) => at > (asked?.index ?? 0) && at < index);
    }
    return false;
  }

  #sends(): void {
    const outcomes = new Map<number, string>();
    for (const fact of this.#facts) if (fact.kind === "sent") outcomes.set(fact.id, fact.outcome);
    for (const fact of this.#facts) {
      if (fact.kind !== "send") continue;
      const outcome = outcomes.get(fact.id) ?? "unknown";
      const stored =
        "room" in fact.to
          ? this.#saidAs(`broadcast ${fact.id}`)
          : this.#log(`line:${fact.to.connection}`).filter(({ payload }) => payload.direct === fact.id);
      const least = outcome === "stored" ? 1 : 0;
      // Stored, lost with all that the store had before anybody was told, and stored again: nobody can know.
      const logs = new Set(stored.map(({ epoch }) => epoch)).size;
      const most = outcome === "not" ? 0 : Math.max(1, logs);
      if (stored.length < least || stored.length > most) {
        this.#fail(null, `send ${fact.id} ended as "${outcome}" and is stored ${stored.length} times`);
      }
    }
  }

  /** Everybody is back, and in a room is who is there. */
  #ending(): void {
    const truth = new Map<string, Set<string>>();
    for (const client of this.#clients.values()) {
      const { stands, gone } = client;
      if (gone || !stands) continue;
      if (stands.state !== "connected") this.#fail(client, `is ${stands.state} in the end`);
      if (stands.connection === null || stands.room === null) continue;
      truth.set(stands.room, new Set([...(truth.get(stands.room) ?? []), stands.connection]));
    }
    for (const fact of this.#facts) {
      if (fact.kind !== "members") continue;
      const there = truth.get(fact.room) ?? new Set<string>();
      for (const one of fact.connections)
        if (!there.has(one)) this.#fail(null, `a ghost in ${fact.room}: ${one}`);
      for (const one of there)
        if (!fact.connections.includes(one)) this.#fail(null, `not in ${fact.room}: ${one}`);
    }
  }
}

const isEnd = ({ kind }: Move): boolean => kind === "left" || kind === "faded";

function entryOf({ offset, entry, payload }: Stored, own: boolean): LogEntry {
  const about = String(payload.message ?? payload.direct);
  return { offset, message: entry === "message", own, about };
}

function earliest({ since, index }: Indexed<Stored>): number {
  return since ?? index;
}

/** The same text may be said twice, but not by the same one at the same time. */
function placeOf({ from, message, sentAt }: Readonly<Record<string, unknown>>): string {
  return JSON.stringify([from, message, sentAt]);
}

/** Where something stands in a log: once in each that the store has had, at most. */
function placesBy<K>(log: readonly Indexed<Stored>[], key: (entry: Indexed<Stored>) => K): Map<K, number[]> {
  const places = new Map<K, number[]>();
  for (const entry of log) places.set(key(entry), [...(places.get(key(entry)) ?? []), entry.offset]);
  return places;
}

/** The first of its places that is beyond `last`, which is what was heard before it. */
function after(last: number, places: readonly number[] | undefined): number | undefined {
  return places?.find((offset) => offset > last) ?? places?.at(-1);
}
