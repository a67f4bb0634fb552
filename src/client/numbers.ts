import type { Request } from "./request.ts";

interface RoomState {
  /** Last number given out. */
  given: number;
  /** Highest number known to be stored. */
  stored: number;
  /** Of the log in which the membership began. */
  epoch: string | undefined;
  /** Of the log that was heard last: the store may have lost the other one. */
  heard?: string | undefined;
  /** Nothing is said in this room while it is found out where to go on. */
  held: boolean;
  /** What the server last said it has, in answer to a say of a number that was too large. */
  missing: number | undefined;
  /** The last such answer told of less than was acknowledged before. */
  contradicted: boolean;
  /** That answer came while nothing else of ours was under way in the room, so it cannot be out of date. */
  fresh: boolean;
}

/** Which says must be sent again, and which cannot be decided any more. */
export interface Verdict {
  readonly unknown: readonly Request[];
  /** Send only this one, to hear where the server stands. */
  readonly ask?: Request;
}

const NOTHING: Verdict = { unknown: [] };

/**
 * The numbers of says. A number is given when a say is first sent; the server takes them strictly in order, which is
 * what makes a repeat harmless. A say that was refused leaves a hole, which later ones learn of as "earlier missing".
 *
 * Two rules keep this safe. A say gets *another* number only when no copy of it can still be stored under the old one. And
 * numbers go down only on the word of the store itself, given when nothing of ours was under way: a number that is
 * too small would be taken for a repeat, and its say be lost without anybody noticing.
 */
export class Numbers {
  private readonly rooms = new Map<string, RoomState>();

  /** The server says where it stands, and nothing of ours is under way in the room. */
  enter(room: string, last: number, epoch: string | undefined): void {
    const state = this.state(room);
    // Never down: a number too large is answered "earlier missing", one too small would pass for a repeat.
    state.given = Math.max(state.given, last);
    state.stored = Math.max(state.stored, last);
    state.epoch = state.heard = epoch;
  }

  /** Something was received from the room: what is said from now on is stored in that log, if it is. */
  hear(room: string, epoch: string | undefined): void {
    this.state(room).heard = epoch;
  }

  clear(): void {
    this.rooms.clear();
  }

  held(room: string): boolean {
    return this.rooms.get(room)?.held ?? false;
  }

  heldRooms(): string[] {
    return Array.from(this.rooms.keys()).filter((room) => this.held(room));
  }

  hold(room: string): void {
    this.state(room).held = true;
  }

  /** The line was lost: what to do is decided when it is back. */
  letGo(): void {
    this.rooms.forEach((state) => {
      state.held = false;
      state.missing = undefined;
      state.fresh = false;
      state.contradicted = false;
    });
  }

  number(say: Request, room: string): void {
    if (say.n !== undefined) return;
    const state = this.state(room);
    state.given += 1;
    say.room = room;
    say.n = state.given;
    say.epoch = state.heard;
  }

  /** Refused, so not stored: its number is free again. If later ones were given out already, they will hear of the hole. */
  refused(say: Request): void {
    if (say.room === undefined || say.n === undefined || say.doubt) return;
    const state = this.state(say.room);
    if (state.given === say.n) state.given -= 1;
  }

  stored(say: Request): void {
    if (say.room === undefined || say.n === undefined) return;
    const state = this.state(say.room);
    state.stored = Math.max(state.stored, say.n);
    // Another copy of it has arrived since the server said what it has.
    if (state.missing !== undefined) state.missing = Math.max(state.missing, say.n);
  }

  /** `all`: the unsettled numbered says of the room, in order, `say` among them. */
  earlierMissing(say: Request, last: number, all: readonly Request[]): void {
    const state = this.state(say.room ?? "");
    say.parked = true;
    state.held = true;
    state.missing = last;
    // Less than was acknowledged already: an answer that is late, or a store that has forgotten. A second one tells.
    const believable = last >= state.stored || state.contradicted;
    state.contradicted = last < state.stored;
    state.fresh =
      believable &&
      all.every(
        (other) => other === say || (other.state !== "sent" && other.copies === 0) || settledHere(other),
      );
  }

  /** Called a moment after the room was held, and again until it is not. */
  settle(room: string, all: readonly Request[]): Verdict {
    const state = this.state(room);
    if (!state.held) return NOTHING;
    const open = all.some((say) => say.state === "sent" && !(say.parked && say.copies === 0));
    if (open) return NOTHING;
    const lowest = all[0];
    const last = state.missing;
    if (lowest?.n === undefined || last === undefined || lowest.n <= last + 1) {
      this.release(state, all);
      return NOTHING;
    }
    if (!state.fresh) {
      again(lowest);
      return { unknown: [], ask: lowest };
    }
    // A hole: numbers up to `lowest` were given to says that were refused, or the log lost its end.
    const unknown = all.filter((say) => say.doubt);
    this.renumber(
      state,
      last,
      all.filter((say) => !say.doubt),
    );
    return { unknown };
  }

  /**
   * A new session took the connection over: what the old one sent is stored now or never will be, so says beyond `last` have
   * surely not been done; of those that were sent into another log nobody knows. Numbers stay: a repeat must be known as one.
   */
  resumed(room: string, last: number, epoch: string | undefined, all: readonly Request[]): Verdict {
    const state = this.state(room);
    const replaced = epoch !== undefined && epoch !== state.epoch;
    const unknown = all.filter((say) => replaced && say.doubt && say.epoch !== epoch);
    if (replaced) state.epoch = epoch;
    // It forgot what it had stored: the doubt remains, and the next answer will tell.
    if (last >= state.stored) {
      state.given = Math.max(state.given, last);
      state.stored = last;
      for (const say of all) {
        if (say.n && say.n > last) say.doubt = false;
      }
    }
    return { unknown };
  }

  private renumber(state: RoomState, last: number, says: readonly Request[]): void {
    state.given = last;
    state.stored = last;
    for (const say of says) {
      state.given += 1;
      say.n = state.given;
      say.epoch = state.heard;
    }
    this.release(state, says);
  }

  private release(state: RoomState, says: readonly Request[]): void {
    state.held = false;
    state.missing = undefined;
    state.fresh = false;
    state.contradicted = false;
    says.forEach(again);
  }

  private state(room: string): RoomState {
    let state = this.rooms.get(room);
    if (!state) {
      state = {
        given: 0,
        stored: 0,
        epoch: undefined,
        held: false,
        missing: undefined,
        fresh: false,
        contradicted: false,
      };
      this.rooms.set(room, state);
    }
    return state;
  }
}

function settledHere(say: Request): boolean {
  return say.parked && say.copies === 0;
}

function again(say: Request): void {
  say.state = "waiting";
  say.parked = false;
}
