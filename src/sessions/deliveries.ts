import type { Acks } from "./acks.ts";
import { type Answers, UNWRITTEN_INTERVAL } from "./answers.ts";
import type { Carriage } from "./carriage.ts";
import type { Link } from "./gateway.ts";
import type { Keeper } from "./keeper.ts";
import type { Links } from "./links.ts";
import type { Outbox, Packed } from "./outbox.ts";
import type { Poll, Polls } from "./polls.ts";
import type { Receipts } from "./receipts.ts";
import type { ConnectionRecord } from "./record.ts";

/** What is handed over, and what is known of it. */
interface Served {
  readonly ours: boolean;
  readonly record: ConnectionRecord;
  readonly keeper: Keeper;
  readonly outbox: Outbox;
  readonly carriage: Carriage;
  readonly polls: Polls;
  readonly receipts: Receipts;
  readonly acks: Acks | null;
  wake(): void;
  /** Time has something to do here: positions to be written, a reader to be judged. */
  stir(): void;
}

interface Node {
  readonly links: Links;
  /** Whether this node may deliver now. */
  entitled(): boolean;
}

/** How what a session is owed is handed over to what carries it: to a socket or a stream, or with the answer to a held connect. */
export class Deliveries {
  readonly #session: Served;
  readonly #answers: Answers;
  readonly #host: Node;
  #answering = false;
  /** Something was handed over since the positions were last noted. */
  #moved = false;

  constructor(session: Served, answers: Answers, host: Node) {
    this.#session = session;
    this.#answers = answers;
    this.#host = host;
  }

  /** A poll's answer is on its way; nothing else is collected until it is known how that went. */
  get answering(): boolean {
    return this.#answering;
  }

  /** A client that does not say so itself has been served further than is noted. */
  get unnoted(): boolean {
    const { ours, acks } = this.#session;
    return this.#moved && !ours && !acks;
  }

  /** Notes how far it has been served. */
  checkpoint(): void {
    if (this.unnoted) this.#notePositions();
  }

  /** Hands over what is owed, as far as what carries the session takes it. */
  flush(): void {
    const { acks, carriage, receipts } = this.#session;
    if (this.#answering || !receipts.certain || !this.#host.entitled()) return;
    const { stream } = carriage;
    if (acks || stream === null) this.answer(false);
    else if (stream.writable) this.#stream(stream);
    else this.#session.stir();
  }

  #stream(link: Link): void {
    const { carriage, outbox, receipts } = this.#session;
    const collected = outbox.collect();
    if (!collected) return;
    receipts.handOver();
    this.#moved = true;
    if (this.unnoted) this.#session.stir();
    if (collected.replies.length > 0) carriage.replied();
    this.#host.links.push(link, collected.texts);
    collected.commit();
  }

  /** Answers the held connect, with what is owed where that comes so; without `evenEmpty` only when something is. */
  answer(evenEmpty: boolean): void {
    const { acks, carriage } = this.#session;
    if (acks) this.#answerBatch(evenEmpty);
    else if (carriage.held?.link.once) this.#answerPoll(evenEmpty);
    else if (evenEmpty) this.#answers.reply(carriage.letGo());
  }

  /** Whether it arrives is told by what the client acknowledges. */
  #answerBatch(evenEmpty: boolean): void {
    const { carriage, outbox } = this.#session;
    const { held } = carriage;
    if (!held || (!held.link.writable && !evenEmpty)) return;
    const collected = held.link.writable && this.#host.entitled() ? outbox.collect() : null;
    if (!collected && !evenEmpty) return;
    carriage.letGo();
    const { texts = [], replies = [] } = collected ?? {};
    const reply = this.#answers.text(held, this.#answers.advice(), replies);
    this.#answers.give(held.link, [...texts, reply]);
    collected?.commit();
  }

  /** Answers the held poll with what is owed; without `evenEmpty` only when something is. */
  #answerPoll(evenEmpty: boolean): void {
    const { carriage, keeper, ours, outbox, receipts } = this.#session;
    const { held } = carriage;
    if (!held || this.#answering) return;
    const collected = receipts.certain && this.#host.entitled() ? outbox.collect() : null;
    if (!collected) {
      if (evenEmpty) this.#answers.reply(carriage.letGo());
      return;
    }
    carriage.letGo();
    this.#answering = true;
    const settle = (handed: boolean): void => {
      this.#answering = false;
      if (handed) {
        collected.commit();
        if (ours && held.poll) this.#answered(held.poll, collected.replies);
      } else {
        collected.rollback();
      }
      if (outbox.waiting) this.#session.wake();
    };
    const send = (): void => {
      const reply = this.#answers.text(held, this.#answers.advice());
      held.link.send(`[${[...collected.texts, reply].join(",")}]`, settle);
    };
    // Ours says itself what it has; for others the store must know before the answer leaves.
    if (ours || !this.#notePositions()) send();
    else {
      keeper.write().then(send, () => {
        settle(false);
        this.#answers.reply(held, UNWRITTEN_INTERVAL);
      });
    }
  }

  /** What was answered may be on its way, received or lost: the next connect tells, or has told already. */
  #answered(poll: Poll, replies: readonly Packed[]): void {
    const { carriage, polls, receipts } = this.#session;
    const next = carriage.held;
    if (next === null) {
      receipts.doubt();
      poll.replies = replies;
    } else {
      polls.overtaken(poll, next.poll, replies);
    }
  }

  #notePositions(): boolean {
    const { keeper, outbox, record } = this.#session;
    this.#moved = false;
    const positions = outbox.positions();
    const topics = Object.keys(positions);
    const same =
      topics.length === Object.keys(record.cursors).length &&
      topics.every((topic) => record.cursors[topic] === positions[topic]);
    if (same) return false;
    record.cursors = positions;
    keeper.later("cursors");
    return true;
  }
}
