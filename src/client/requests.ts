import { bayeuxCode, type ClientError, clientError, errorOfAck, errorOfReply } from "./errors.ts";
import { Numbers, type Verdict } from "./numbers.ts";
import { epochOf } from "./positions.ts";
import { type Kind, newRequest, type Request, type Sendable, type Settle, sendable } from "./request.ts";
import { type BayeuxMessage, isStopping, type Message, type Resume } from "./wire.ts";

/** Says under way at a time. The store remembers the last 256 outcomes of a publisher; we must stay well below. */
const WINDOW = 100;
/** A request that was sent so often without an answer is given up. */
const PATIENCE = 12;
/** What has cost so many lines in a row is sent alone: perhaps something behind it is what breaks them. */
const SUSPECT = 2;
/** And at so many it is given up: it would go on for ever, and nothing behind it would ever be done. */
const LOSSES = 5;

/** What has to happen after an answer. */
export interface After {
  /** Call `rested` in a moment. */
  readonly rest?: boolean;
  /** We no longer know in which room we are: come back with the token and be told. */
  readonly resync?: boolean;
}

/** Everything that was asked and is not settled, in the order in which it was asked. No timers, no I/O. */
export class Requests {
  private readonly capacity: number;
  private readonly prefix: string;
  readonly numbers = new Numbers();
  private queue: Request[] = [];
  private count = 0;
  private verbs = 0;
  /** A roomChange has ended and nobody knows how: in which room we are is for the server to say. */
  astray = false;

  constructor(capacity: number, prefix: string) {
    this.capacity = capacity;
    this.prefix = prefix;
  }

  /** Something that is answered soon is under way (an action may take its time). */
  get unanswered(): boolean {
    return this.queue.some((r) => r.state === "sent" && r.kind !== "action" && r.kind !== "raw");
  }

  pending(id: unknown): Request | undefined {
    return id === undefined ? undefined : this.queue.find((request) => request.id === String(id));
  }

  /** Offline, only so many may wait. */
  add(kind: Kind, data: Readonly<Record<string, unknown>>, offline: boolean, settle: Settle): void {
    const waiting = this.queue.filter((request) => request.sends === 0 && !request.own).length;
    if (offline && waiting >= this.capacity) refuseLater(settle, clientError("offline_queue_full"));
    else this.queue.push(this.create(kind, data, false, settle));
  }

  /** What the client asks for itself goes before everything else. */
  addOwn(kind: Kind, data: Readonly<Record<string, unknown>>, settle: Settle): void {
    const behind = this.queue.findIndex((request) => !request.own);
    const at = behind < 0 ? this.queue.length : behind;
    this.queue.splice(at, 0, this.create(kind, data, true, settle));
  }

  /** What may be sent now, with its numbers. `ownOnly` while the connection is being set up. */
  take(room: string | null, ownOnly: boolean): Sendable[] {
    const out: Sendable[] = [];
    let says = 0;
    for (const request of this.queue) {
      if (ownOnly && !request.own) continue;
      const alone = request.losses >= SUSPECT;
      if (request.state === "sent") {
        if (request.kind === "verb" || (alone && request.copies > 0)) break;
        if (request.kind === "say") says += 1;
        continue;
      }
      if (request.kind === "verb") {
        // A verb may change what a say means, so it waits for every say before it, and all behind it wait for it.
        if (says === 0 && !request.parked) out.push(this.send(request, room));
        break;
      }
      if (request.kind === "say") {
        if (says >= WINDOW || this.numbers.held(request.room ?? room ?? "")) break;
        says += 1;
      } else if (request.parked) {
        continue;
      }
      out.push(this.send(request, room));
      if (alone) break;
    }
    return out;
  }

  answered(reply: Message): After {
    const request = this.pending(reply.messageId);
    // A repeat of an answer that came before.
    if (!request) return {};
    const error = errorOfReply(reply, request.kind === "action");
    if (!error) {
      if (request.kind === "say") this.numbers.stored(request);
      this.settle(request, null, reply);
      return {};
    }
    if (error.code === "earlier_missing" && request.n !== undefined) {
      if (request.sends < PATIENCE) return this.earlierMissing(request, Number(reply.last));
      // This copy is not stored; of numbers the application knows nothing.
      return this.unavailable(request, clientError("unavailable"), undefined);
    }
    if (error.code === "unavailable") return this.unavailable(request, error, reply);
    this.refused(request, error, reply);
    // Others that are under way will be told the same; those who are cut short would end in doubt.
    const others = this.queue.some((other) => other.kind === "say" && other.state === "sent");
    return { resync: error.code === "wrong_room" && !others };
  }

  /** The Bayeux acknowledgement of one copy. */
  acknowledged(request: Request, ack: BayeuxMessage): After {
    request.copies = Math.max(0, request.copies - 1);
    request.losses = 0;
    if (ack.successful || !this.queue.includes(request) || request.state !== "sent") return {};
    const code = bayeuxCode(ack.error);
    let error = errorOfAck(ack.error);
    if (code === 401 || isStopping(ack)) {
      // The session is not known there, or any more, so nothing was done for it; the line is about to be given up.
      request.parked = true;
      return {};
    }
    if (code === 504) return this.retry(request, true);
    // Something unforeseen, and nobody knows how far it came.
    if (code === 500 && isOnce(request)) error = clientError("outcome_unknown", error.message);
    if (code === 503) return this.unavailable(request, error, undefined);
    this.refused(request, error, undefined);
    return {};
  }

  /** A moment has passed: go on with what was told to wait. Says that are sent at once come back in the list. */
  rested(): { readonly sends: Sendable[]; readonly more: boolean } {
    for (const request of this.queue) {
      if (request.kind !== "say" && request.state === "waiting") request.parked = false;
    }
    const sends: Sendable[] = [];
    let more = false;
    for (const room of this.numbers.heldRooms()) {
      const verdict = this.numbers.settle(room, this.says(room));
      this.giveUp(verdict);
      if (verdict.ask) sends.push(this.send(verdict.ask, room));
      more = more || this.numbers.held(room);
    }
    return { sends, more };
  }

  /** A room was entered: its says are numbered from `last + 1`. */
  entered(room: string, last: number, position: string | undefined): void {
    this.numbers.enter(room, last, epochOf(position));
  }

  /** The line broke. What was under way waits; what was only for this line is forgotten. */
  lost(): void {
    this.queue = this.queue.filter((request) => !request.own);
    const first = this.queue.find((request) => request.state === "sent" && request.copies > 0);
    if (first) first.losses += 1;
    for (const request of this.queue) {
      const notStored = request.parked && request.copies === 0;
      if (request.state === "sent" && !notStored) request.doubt = true;
      request.state = "waiting";
      request.parked = false;
      request.copies = 0;
    }
    this.numbers.letGo();
    this.astray = false;
  }

  /** The same connection goes on. */
  resumed(resume: Resume): void {
    this.giveUp({ unknown: this.queue.filter((request) => request.doubt && !repeatable(request)) });
    const room = resume.room;
    if (typeof room === "string" && resume.last !== undefined) {
      const epoch = epochOf(resume.position);
      this.giveUp(this.numbers.resumed(room, resume.last, epoch, this.says(room)));
    }
    if (resume.verb !== undefined) this.verbs = resume.verb;
    for (const request of this.queue) {
      if (request.kind !== "verb" || request.n === undefined || resume.verb === undefined) continue;
      if (request.n > resume.verb) {
        request.n = undefined;
        request.doubt = false;
      }
    }
    this.tire();
    this.astray = false;
  }

  /** Another connection takes the place of the one there was: what was sent on the old one cannot be asked for. */
  rebuilt(): void {
    const lost = (request: Request) => request.doubt && request.kind !== "read" && request.kind !== "action";
    this.giveUp({ unknown: this.queue.filter(lost) });
    this.numbers.clear();
    this.verbs = 0;
    for (const request of this.queue) {
      request.n = request.room = request.epoch = undefined;
      request.rebuilt = request.rebuilt || request.doubt;
      request.doubt = false;
    }
    this.tire();
    this.astray = false;
  }

  /** `quit` is answered by a goodbye. */
  goodbye(message: Message): void {
    for (const request of [...this.queue]) {
      const event = request.data.event;
      if (event === "quit" || event === "exit") this.settle(request, null, message);
    }
  }

  /** It is over: what was not done fails with `error`. */
  failAll(error: ClientError): void {
    const all = this.queue.splice(0);
    this.numbers.clear();
    this.verbs = 0;
    for (const request of all) {
      request.settle(mayBeDone(request) ? clientError("outcome_unknown", error.message) : error, undefined);
    }
  }

  private create(kind: Kind, data: Readonly<Record<string, unknown>>, own: boolean, settle: Settle): Request {
    this.count += 1;
    const given = data.messageId;
    const id =
      typeof given === "string" || typeof given === "number" ? String(given) : `${this.prefix}${this.count}`;
    return newRequest(id, kind, data, own, settle);
  }

  private send(request: Request, room: string | null): Sendable {
    if (request.kind === "say" && room !== null) this.numbers.number(request, room);
    if (request.kind === "verb" && request.n === undefined) {
      this.verbs += 1;
      request.n = this.verbs;
    }
    request.state = "sent";
    request.parked = false;
    request.sends += 1;
    request.copies += 1;
    return sendable(request);
  }

  private earlierMissing(request: Request, last: number): After {
    if (request.kind === "say") {
      this.numbers.earlierMissing(request, last, this.says(request.room ?? ""));
      return { rest: true };
    }
    if (request.doubt) {
      this.settle(request, clientError("outcome_unknown"), undefined);
      return {};
    }
    // There is only ever one verb under way, so the one before it was refused and its number is free.
    request.n = this.verbs = last + 1;
    return this.retry(request, false);
  }

  private unavailable(request: Request, error: ClientError, reply: Message | undefined): After {
    // "Surely not done" is true of this copy only.
    if (request.doubt || request.rebuilt) return this.retry(request, true);
    this.numbers.refused(request);
    this.settle(request, error.code === "unavailable" ? error : clientError("unavailable"), reply);
    return {};
  }

  private retry(request: Request, doubt: boolean): After {
    if (doubt) request.doubt = true;
    if (!repeatable(request) || request.sends >= PATIENCE) {
      this.settle(request, clientError("outcome_unknown"), undefined);
      return {};
    }
    request.state = "waiting";
    request.parked = true;
    if (request.kind === "say") this.numbers.hold(request.room ?? "");
    return { rest: true };
  }

  private refused(request: Request, error: ClientError, reply: Message | undefined): void {
    const unknown = isOnce(request) && request.doubt && error.code !== "outcome_unknown";
    // `outcome_unknown` may have been stored after all.
    if (error.code !== "outcome_unknown") this.numbers.refused(request);
    this.settle(request, unknown ? clientError("outcome_unknown", error.message) : error, reply);
  }

  /** What has cost one line after the other is not sent again. */
  private tire(): void {
    for (const request of this.queue.filter(({ losses }) => losses >= LOSSES)) {
      if (mayBeDone(request)) this.giveUp({ unknown: [request] });
      else {
        this.numbers.refused(request);
        this.settle(request, clientError("unavailable", "the line broke whenever it was sent"), undefined);
      }
    }
  }

  private giveUp(verdict: Verdict): void {
    for (const request of verdict.unknown) this.settle(request, clientError("outcome_unknown"), undefined);
  }

  private settle(request: Request, error: ClientError | null, reply: Message | undefined): void {
    if (!this.queue.includes(request)) return;
    if (error && request.data.event === "roomChange") this.notEntered(request, error);
    this.queue.splice(this.queue.indexOf(request), 1);
    request.settle(error, reply);
  }

  /**
   * What was to be said in a room that was not entered must not be heard in another one. While it is told so the change is still
   * the first of those that wait: nothing of what is behind it is sent.
   */
  private notEntered(change: Request, { code }: ClientError): void {
    const unknown = code === "outcome_unknown";
    // Our own is tried again.
    if (change.own && (unknown || code === "unavailable")) return;
    this.astray ||= unknown;
    for (const request of this.queue.slice(this.queue.indexOf(change) + 1)) {
      if (request.data.event === "roomChange" && !request.own) return;
      if (request.kind === "say" && request.state === "waiting")
        this.settle(request, clientError("wrong_room"), undefined);
    }
  }

  private says(room: string): Request[] {
    return this.queue.filter((r) => r.kind === "say" && r.room === room && r.n !== undefined);
  }
}

/** Not before the caller has the control back: a callback is never called while its request is being made. */
export function refuseLater(settle: Settle, error: ClientError): void {
  Promise.resolve().then(() => settle(error, undefined));
}

function isOnce(request: Request): boolean {
  return request.kind === "say" || request.kind === "verb";
}

/** Some copy of it may have had its effect. */
function mayBeDone(request: Request): boolean {
  const underWay = request.state === "sent" && !(request.parked && request.copies === 0);
  return request.kind !== "read" && (underWay || request.doubt || request.rebuilt);
}

/** Can it be sent again on the same connection? */
function repeatable(request: Request): boolean {
  if (request.kind === "raw") return false;
  return request.kind !== "say" || request.n !== undefined;
}
