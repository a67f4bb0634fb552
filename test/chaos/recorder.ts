import type { FayeClient, FayeModule } from "../../src/client/faye.ts";
import type { BayeuxMessage } from "../../src/client/wire.ts";
import type { Fact } from "../simulation/history.ts";

export const ENTERED = "I have entered the room";
export const HAS_LEFT = "I have left the room";

/** What the wire told one of the clients about a room's log. */
interface Entry {
  readonly epoch: string;
  readonly offset: number;
  readonly payload: Readonly<Record<string, unknown>>;
  /** How many facts there were when somebody knew of it first. */
  known: number;
}

interface Room {
  /** By epoch and offset. */
  readonly entries: Map<string, Entry>;
  /** What lies up to here had happened when there were that many facts. */
  readonly reached: { readonly epoch: string; readonly offset: number; readonly known: number }[];
  /** Where the record begins: somebody listens from here on. */
  from: Place | null;
}

interface Place {
  readonly epoch: string;
  readonly offset: number;
}

/**
 * All that the clients wrote down, in the order in which it happened in this process. What the rooms' logs held follows from it:
 * each delivery says where in which log it stands.
 */
export class Recorder {
  readonly facts: Fact[] = [];
  readonly wrong: string[] = [];
  deliveries = 0;
  readonly #rooms = new Map<string, Room>();
  /** Of the clients, by their numbers. */
  readonly #ids = new Map<number, string>();
  readonly #begun = performance.now();
  readonly #verbose: boolean;
  #closed = false;

  constructor(verbose: boolean) {
    this.#verbose = verbose;
  }

  add(fact: Fact): void {
    if (this.#closed) return;
    this.facts.push(fact);
    if (this.#verbose) this.note(JSON.stringify(fact));
  }

  note(text: string): void {
    if (this.#verbose)
      console.log(`${((performance.now() - this.#begun) / 1000).toFixed(3).padStart(8)}  ${text}`);
  }

  /** From here on the clients write nothing down any more; these come last. */
  close(last: readonly Fact[]): void {
    for (const fact of last) this.add(fact);
    this.#closed = true;
  }

  /** A Faye whose clients show us what arrives before anybody else sees it. */
  faye(module: FayeModule, client: number): FayeModule {
    const seen = (message: BayeuxMessage): void => this.#arrived(client, message);
    return {
      Client: class extends (module.Client as new (url: string, options?: object) => FayeClient) {
        constructor(url: string, options?: object) {
          super(url, options);
          this.addExtension({
            incoming: (message, next) => {
              seen(message);
              next(message);
            },
            outgoing: (message, next) => next(message),
          });
        }
      },
    };
  }

  #arrived(client: number, message: BayeuxMessage): void {
    if (this.#closed) return;
    const ext = (message.ext?.actionwire ?? {}) as WireExt;
    if (message.channel === "/meta/handshake" && typeof ext.connectionId === "string") {
      const { resume } = ext;
      this.#ids.set(client, ext.connectionId);
      this.add({ kind: "id", client, connection: ext.connectionId, resumed: resume?.resumed === true });
      if (resume?.resumed && resume.room && resume.position) {
        this.#member(ext.connectionId, resume.room, resume.position);
      }
      return;
    }
    if (message.channel !== "/actionwire") return;
    const data = (message.data ?? {}) as { [key: string]: unknown };
    if (ext.joined) {
      const { room, position } = ext.joined;
      const id = this.#ids.get(client);
      if (data.welcome !== undefined && id !== undefined) this.#member(id, room, position);
      else this.#reach(room, position);
      this.#room(room).from ??= placeOf(position);
    }
    if (ext.topic === undefined || ext.position === undefined || data.context !== "user") return;
    this.deliveries += 1;
    this.#entry(String(data.room), placeOf(ext.position), data);
  }

  /** A connection is told where its membership began. Of the very first one nobody else could hear. */
  #member(connection: string, name: string, position: string): void {
    this.#reach(name, position);
    const room = this.#room(name);
    const place = placeOf(position);
    room.from ??= place;
    if (place.offset !== room.from.offset || room.entries.has(keyOf(place))) return;
    this.#entry(name, place, { from: connection, message: ENTERED, room: name });
  }

  #entry(room: string, place: Place, payload: Readonly<{ [key: string]: unknown }>): void {
    const { entries } = this.#room(room);
    const key = keyOf(place);
    const before = entries.get(key);
    if (!before) entries.set(key, { ...place, payload, known: this.facts.length });
    else if (JSON.stringify(before.payload) !== JSON.stringify(payload)) {
      this.wrong.push(
        `${room} ${place.offset}: ${JSON.stringify(before.payload)} for some, ${JSON.stringify(payload)} for others`,
      );
    }
  }

  #reach(room: string, position: string): void {
    this.#room(room).reached.push({ ...placeOf(position), known: this.facts.length });
  }

  #room(name: string): Room {
    let room = this.#rooms.get(name);
    if (!room) {
      room = { entries: new Map(), reached: [], from: null };
      this.#rooms.set(name, room);
    }
    return room;
  }

  /** The facts, and among them what must have happened in the rooms by then. */
  history(): Fact[] {
    const says = this.#says();
    const placed: { readonly at: number; readonly facts: Fact[] }[] = [];
    /** Facts by where they stood, once all are in place. */
    const since = new Map<object, number>();
    for (const [name, room] of this.#rooms) {
      const topic = `room:${name}`;
      const entries = [...room.entries.values()].sort((a, b) => a.offset - b.offset);
      let next = room.from ? room.from.offset + 1 : null;
      for (const { offset } of entries) {
        if (next !== null && offset > next)
          this.wrong.push(
            `${name}: nobody ever heard ${next}${offset - next > 1 ? ` to ${offset - 1}` : ""}`,
          );
        next = Math.max(next ?? 0, offset + 1);
      }
      let latest = Number.POSITIVE_INFINITY;
      const known: number[] = [];
      const reached = room.reached.toSorted((a, b) => a.offset - b.offset);
      for (const entry of entries.toReversed()) {
        while (reached.length > 0 && reached.at(-1)!.offset >= entry.offset)
          latest = Math.min(latest, reached.pop()!.known);
        const answered = says.get(String(entry.payload.message))?.answered ?? Number.POSITIVE_INFINITY;
        latest = Math.min(latest, entry.known, answered);
        known.unshift(latest);
      }
      let earliest = 0;
      for (const [at, { epoch, offset, payload }] of entries.entries()) {
        earliest = Math.max(earliest, says.get(String(payload.message))?.asked ?? 0);
        const from = typeof payload.from === "string" ? payload.from : null;
        const { message } = payload;
        const announces = message === ENTERED || message === HAS_LEFT;
        const entry = announces ? "announcement" : "message";
        const stored = { kind: "stored", topic, epoch, offset, entry, from, payload } as const;
        since.set(stored, earliest);
        const facts: Fact[] = [stored];
        if (from !== null && message === ENTERED)
          facts.push({ kind: "joined", topic, connection: from, epoch, offset });
        if (from !== null && message === HAS_LEFT)
          facts.unshift({ kind: "left", topic, connection: from, epoch, offset: offset - 1 });
        placed.push({ at: known[at]!, facts });
      }
    }
    placed.sort((a, b) => a.at - b.at);
    const all: Fact[] = [];
    const moved: number[] = [];
    for (const [at, fact] of this.facts.entries()) {
      while (placed[0] && placed[0].at <= at) all.push(...placed.shift()!.facts);
      moved.push(all.length);
      all.push(fact);
    }
    for (const { facts } of placed) all.push(...facts);
    return all.map((fact) => {
      const asked = since.get(fact);
      return asked === undefined || fact.kind !== "stored" ? fact : { ...fact, since: moved[asked] ?? 0 };
    });
  }

  /** When each text was asked to be said, and when that was acknowledged. */
  #says(): Map<string, { asked: number; answered: number }> {
    const byText = new Map<string, { asked: number; answered: number }>();
    const byOp = new Map<number, { asked: number; answered: number }>();
    for (const [at, fact] of this.facts.entries()) {
      if (fact.kind === "ask" && fact.verb === "say") {
        const say = { asked: at, answered: Number.POSITIVE_INFINITY };
        byText.set(fact.subject, say);
        byOp.set(fact.op, say);
      } else if (fact.kind === "answer" && fact.code === null) {
        const say = byOp.get(fact.op);
        if (say) say.answered = at;
      }
    }
    return byText;
  }
}

interface WireExt {
  readonly topic?: string;
  readonly position?: string;
  readonly joined?: { readonly position: string; readonly room: string };
  readonly connectionId?: string;
  readonly resume?: { readonly resumed?: boolean; readonly room?: string | null; readonly position?: string };
}

function keyOf({ epoch, offset }: Place): string {
  return `${epoch} ${offset}`;
}

function placeOf(position: string): Place {
  const [epoch = "", offset = ""] = position.split(".");
  return { epoch, offset: Number(offset) };
}
