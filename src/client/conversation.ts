import { Alarm } from "./clock.ts";
import { clientError } from "./errors.ts";
import type { Line } from "./line.ts";
import type { Settings } from "./options.ts";
import { epochOf, Positions } from "./positions.ts";
import type { Kind, Sendable, Settle } from "./request.ts";
import { type After, Requests } from "./requests.ts";
import { Rooms } from "./rooms.ts";
import type { DeliveryExt, Message, Resume } from "./wire.ts";

/** ms: an answer (not only the acknowledgement) to anything but an action. */
const ANSWER = 15_000;
/** ms before something is asked again that was not to be had, growing. */
const REST = 50;
const LONGEST_REST = 5_000;

/** How far the present line is: it may be spoken on only from `entering` on, and by the application only when `usable`. */
type Phase = "opening" | "entering" | "usable";

export interface ConversationListener {
  /** Anything from the server that is not an answer. */
  message(message: Message): void;
  welcomed(): void;
  /** Of a room that is entered again on another connection, nobody knows what was missed. */
  gap(room: string): void;
  goodbye(reason: string | undefined): void;
  /** This line leads nowhere: another one. */
  abandon(reason: string, mute?: boolean): void;
}

/** What is asked and answered on one connection, over any number of lines. */
export class Conversation {
  readonly positions = new Positions();
  readonly rooms = new Rooms();
  phase: Phase = "opening";

  private readonly listener: ConversationListener;
  private readonly requests: Requests;
  private readonly resting: Alarm;
  private readonly answer: Alarm;
  private line: Line | null = null;
  private rests = 0;

  constructor(settings: Settings, listener: ConversationListener) {
    const { clock, offlineQueue } = settings;
    this.listener = listener;
    this.requests = new Requests(offlineQueue, `${Math.floor(clock.random() * 2 ** 40).toString(36)}-`);
    this.resting = new Alarm(clock);
    this.answer = new Alarm(clock);
  }

  on(line: Line): void {
    this.line = line;
  }

  ask(kind: Kind, data: Readonly<Record<string, unknown>>, settle: Settle): void {
    this.requests.add(kind, data, this.phase !== "usable", settle);
    this.pump();
  }

  askOwn(kind: Kind, data: Readonly<Record<string, unknown>>, settle: Settle): void {
    this.requests.addOwn(kind, data, settle);
  }

  /** The same connection goes on. */
  resumed(resume: Resume): void {
    this.rooms.resumed(resume);
    // Told before the first message from there.
    for (const room of this.rooms.all) this.again(room);
    // The answer that said where the room begins may have been lost.
    const { topic, position, room } = resume;
    if (topic != null && position !== undefined && room != null) this.positions.begin(topic, position, room);
    this.requests.resumed(resume);
  }

  /** A new connection; `instead` of one there was. */
  begun(instead: boolean): void {
    if (instead) this.rooms.remember(this.positions.rooms);
    this.positions.clear();
    this.requests.rebuilt();
  }

  lost(): void {
    this.stop();
    this.requests.lost();
  }

  end(error: Parameters<Settle>[0]): void {
    this.stop();
    this.positions.clear();
    this.rooms.clear();
    this.requests.failAll(error ?? clientError("disconnected"));
  }

  delivery(data: unknown, ext: DeliveryExt): void {
    if (typeof data !== "object" || data === null) return;
    const message = data as Message;
    if (message.context === "response") this.response(message, ext);
    else this.event(message, ext);
  }

  /** Sends what may be sent. */
  pump(): void {
    if (this.phase === "opening") return;
    for (const next of this.requests.take(this.rooms.room, this.phase === "entering")) this.publish(next);
    if (this.requests.unanswered && !this.answer.pending) {
      this.answer.set(ANSWER, () => this.listener.abandon("an answer did not come", true));
    }
  }

  private event(message: Message, ext: DeliveryExt): void {
    if (message.context === "api" && message.status === "Bye!") {
      this.listener.goodbye(typeof message.reason === "string" ? message.reason : undefined);
      this.requests.goodbye(message);
    }
    this.move(ext, true);
    const room = ext.topic && this.positions.room(ext.topic);
    if (room) this.requests.numbers.hear(room, epochOf(ext.position));
    if ((ext.joined || ext.left !== undefined) && Array.isArray(message.listeningRooms)) {
      // The server itself has moved the connection, and says where it is now.
      this.rooms.resumed(message as Resume);
    }
    this.listener.message(message);
    if ("welcome" in message) this.listener.welcomed();
  }

  private response(message: Message, ext: DeliveryExt): void {
    const request = this.requests.pending(message.messageId);
    // An answer that had come before: what it says about rooms is no news, and may no longer be true.
    if (!request) return;
    const { event, room } = request.data;
    this.move(ext, event !== "listenToRoom");
    if (message.status === "OK" && typeof room === "string") {
      if (event === "listenToRoom") this.rooms.listening.add(room);
      if (event === "silenceRoom") this.rooms.listening.delete(room);
    }
    this.rests = 0;
    this.answer.stop();
    this.after(this.requests.answered(message));
  }

  private move({ joined, left }: DeliveryExt, speaking: boolean): void {
    // Left and entered at once: an answer that is repeated must not forget what has been received since.
    if (left !== undefined && left !== joined?.topic) this.positions.leave(left);
    if (!joined) return;
    this.positions.begin(joined.topic, joined.position, joined.room);
    this.again(joined.room);
    // A room that is only listened to has no last number of ours.
    if (!speaking || joined.last === undefined) return;
    this.rooms.room = joined.room;
    this.requests.entered(joined.room, joined.last, joined.position);
  }

  /** Where another connection was before this one, something may have been missed. */
  private again(room: string): void {
    if (this.rooms.entered(room)) this.listener.gap(room);
  }

  private publish({ request, data, ext }: Sendable): void {
    const { line } = this;
    line?.publish(data, ext, (ack) => {
      if (line !== this.line) return;
      // A refusal is all the answer there will be.
      if (!ack.successful) this.answer.stop();
      this.after(this.requests.acknowledged(request, ack));
    });
  }

  private after(after: After): void {
    if (after.rest) this.rest();
    if (after.resync || this.requests.astray) this.listener.abandon("the connection is in another room");
    else this.pump();
  }

  private rest(): void {
    if (this.resting.pending) return;
    this.resting.set(Math.min(LONGEST_REST, REST * 2 ** this.rests), () => {
      this.rests += 1;
      const { sends, more } = this.requests.rested();
      for (const next of sends) this.publish(next);
      if (more) this.rest();
      this.pump();
    });
  }

  private stop(): void {
    this.phase = "opening";
    this.line = null;
    this.rests = 0;
    this.resting.stop();
    this.answer.stop();
  }
}
