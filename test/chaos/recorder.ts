import type { FayeClient, FayeModule } from "../../src/client/faye.ts";
import type { BayeuxMessage } from "../../src/client/wire.ts";
import type { Fact } from "../simulation/history.ts";
import { Logs, placeOf } from "./logs.ts";

const ROOM = "room:";
/** Within so many milliseconds after a loss of the store a client has found out that its connection is lost, too. */
const ORPHANED = 40_000;

/**
 * All that the clients wrote down, in the order in which it happened in this process. What the rooms' logs held follows from it
 * (logs.ts).
 */
export class Recorder {
  readonly facts: Fact[] = [];
  /** Milliseconds, of each fact. */
  readonly #times: number[] = [];
  deliveries = 0;
  readonly #logs = new Logs();
  /** Of the clients, by their numbers. */
  readonly #ids = new Map<number, string>();
  readonly #begun = performance.now();
  readonly #verbose: boolean;
  readonly #orphans: boolean;
  /** When the store was lost last, milliseconds. */
  #emptiedAt = Number.NEGATIVE_INFINITY;
  #closed = false;

  /** `orphans`: a connection may be lost whose node died when the store was lost. */
  constructor(verbose: boolean, orphans: boolean) {
    this.#verbose = verbose;
    this.#orphans = orphans;
  }

  add(fact: Fact): void {
    if (this.#closed) return;
    this.facts.push(fact);
    this.#times.push(performance.now());
    if (fact.kind === "emptied") this.#emptiedAt = performance.now();
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

  /** What the clients were told of the rooms' logs that contradicts itself. Complete once the history was asked for. */
  get wrong(): readonly string[] {
    return this.#logs.wrong;
  }

  /** The facts, and among them what must have happened in the rooms by then. */
  history(): Fact[] {
    return this.#logs.history(this.facts, this.#times);
  }

  /** Whether a client is in a room, as far as anybody has heard. */
  inside(client: number): boolean {
    const connection = this.#ids.get(client);
    return connection !== undefined && this.#logs.inside(connection);
  }

  timed(): (Fact & { readonly at: number })[] {
    return this.facts.map((fact, index) => ({
      at: Math.round(this.#times[index]! - this.#begun),
      ...fact,
    }));
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
    const logs = this.#logs;
    const known = this.facts.length;
    if (message.channel === "/meta/handshake" && typeof ext.connectionId === "string") {
      const { connectionId: connection, resume } = ext;
      const former = this.#ids.get(client);
      const orphaned = former !== undefined && former !== connection && this.#orphans;
      if (orphaned && performance.now() - this.#emptiedAt < ORPHANED)
        this.add({ kind: "orphaned", connection: former });
      this.#ids.set(client, connection);
      this.add({ kind: "id", client, connection, resumed: resume?.resumed === true });
      if (resume?.resumed && resume.room && resume.position)
        logs.member(connection, resume.room, placeOf(resume.position), known);
      return;
    }
    if (message.channel !== "/actionwire") return;
    const data = (message.data ?? {}) as { [key: string]: unknown };
    if (ext.joined) {
      const { room, position } = ext.joined;
      const id = this.#ids.get(client);
      const place = placeOf(position);
      if (id === undefined) logs.reach(room, place, known);
      else if (data.welcome !== undefined) logs.member(id, room, place, known);
      else logs.changed(id, room, place, known);
    }
    if (ext.topic === undefined || ext.position === undefined) return;
    const place = placeOf(ext.position);
    // With a gap notice it is the place before what comes next.
    if (data.gap !== undefined && ext.topic.startsWith(ROOM))
      logs.reach(ext.topic.slice(ROOM.length), place, known);
    if (data.context !== "user") return;
    this.deliveries += 1;
    logs.entry(String(data.room), place, data, known);
  }
}

interface WireExt {
  readonly topic?: string;
  readonly position?: string;
  readonly joined?: { readonly position: string; readonly room: string };
  readonly connectionId?: string;
  readonly resume?: { readonly resumed?: boolean; readonly room?: string | null; readonly position?: string };
}
