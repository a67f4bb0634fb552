import type { Advice, ConnectMessage, Ext, Reply } from "../bayeux/index.ts";
import { connectReply, failure, none, retry, timesync } from "../bayeux/index.ts";
import type { Engine } from "../engine/contract.ts";
import type { Hub } from "../hub/hub.ts";
import type { Clock } from "../ports.ts";
import { Acks } from "./acks.ts";
import { Allowance, type Rate } from "./allowance.ts";
import type { Link } from "./gateway.ts";
import { Keeper } from "./keeper.ts";
import type { Links } from "./links.ts";
import { Mailbox } from "./mailbox.ts";
import { Outbox, type Packed } from "./outbox.ts";
import { type Poll, Polls } from "./polls.ts";
import { Receipts } from "./receipts.ts";
import type { ConnectionRecord } from "./record.ts";
import type { SessionTimes } from "./times.ts";

/** A client's connect that is being held. */
interface Held {
  readonly message: ConnectMessage;
  readonly link: Link;
  /** Of one that came as a request. */
  readonly poll: Poll | null;
  /** Monotonic milliseconds. */
  readonly deadline: number;
  /** When it came, milliseconds since 1970. */
  readonly since: number;
}

/** What a session needs of its node. */
export interface SessionHost {
  readonly engine: Engine;
  readonly hub: Hub;
  readonly links: Links;
  readonly clock: Clock;
  readonly times: SessionTimes;
  readonly rate: Rate;
  /** Whether this node may deliver and execute now. */
  entitled(): boolean;
  /** Another node has claimed it. */
  lost(session: Session): void;
  /** How often the store has lost something. */
  losses(): number;
  /** Writes the record again if the store has lost it; false when that is not why something was refused. */
  restore(session: Session): Promise<boolean>;
}

/** Interval in the answer to a connect that another one replaced: with 0 two of them chase each other (BAYEUX 3.8). */
export const EVICTED_INTERVAL = 5000;

/** Milliseconds after which a client opens an event stream again whose session a poll has taken elsewhere: Faye's last one before it. */
const STREAM_AGAIN = 50;

/** A connection that this node serves: its record under a fence, what it is owed, and what carries it. */
export class Session {
  readonly id: string;
  readonly fence: number;
  readonly record: ConnectionRecord;
  readonly mailbox = new Mailbox();
  readonly keeper: Keeper;
  readonly outbox: Outbox;
  readonly polls: Polls;
  readonly receipts: Receipts;
  /** Of a client that acknowledges deliveries. */
  readonly acks: Acks | null;
  /** Events it may send now. */
  readonly allowance: Allowance;
  /** Monotonic milliseconds of the last sign of life. */
  lastSeen: number;
  /** Since when nothing carries it; null while something does. Monotonic milliseconds. */
  adriftSince: number | null;
  /** What others see; null when that is not known here, since another node may have changed it. */
  away: boolean | null;
  /** When it ended, monotonic milliseconds; it is still remembered for a while. */
  endedAt: number | null = null;
  /** It has ended but has not left everything yet. */
  unfinished = false;
  /** It came without what its former owner knew beside the record, and its client has not been told. */
  bereft = false;
  /** It was taken over, and not everything it reads is open again: nothing may be done for it or handed over until it is. */
  unrestored = false;
  /** Losses of the store that this session has got over. */
  losses: number;
  #drained = false;
  /** It is no longer this node's: nothing may be done for it here. */
  gone = false;
  /** Whatever another layer keeps beside it (pending actions, answered publishes). */
  readonly companions = new Map<symbol, unknown>();

  readonly #host: SessionHost;
  readonly #flush = (): void => this.flush();
  #stream: Link | null = null;
  #held: Held | null = null;
  /** A poll's answer is on its way; nothing else is collected until it is known how that went. */
  #answering = false;

  /** `fresh`: nothing has been handed over yet, by nobody. */
  constructor(
    host: SessionHost,
    id: string,
    fence: number,
    record: ConnectionRecord,
    fresh: boolean,
    losses: number,
  ) {
    this.#host = host;
    this.losses = losses;
    this.id = id;
    this.fence = fence;
    this.record = record;
    this.allowance = new Allowance(host.rate, host.clock);
    this.lastSeen = host.clock.monotonic();
    this.adriftSince = this.lastSeen;
    this.outbox = new Outbox(host.hub, record.who.ours, record.acks !== null, () => this.wake());
    this.outbox.line = record.line?.id ?? null;
    this.keeper = new Keeper(host.engine, this);
    this.polls = new Polls(this.outbox);
    this.receipts = new Receipts(this.outbox, fresh || !record.who.ours);
    const later = this.keeper.later.bind(this.keeper);
    const { outbox, receipts } = this;
    this.acks = record.acks && new Acks({ record, fence, outbox, receipts, later });
    this.away = fresh ? false : null;
  }

  get ours(): boolean {
    return this.record.who.ours;
  }

  get transport(): Link["transport"] {
    return this.#stream?.transport ?? this.#held?.link.transport ?? this.#lastTransport;
  }
  #lastTransport: Link["transport"] = "long-polling";

  get carried(): boolean {
    return this.#stream !== null || this.#held !== null;
  }

  /** The store has lost what it knew of it. */
  get uprooted(): boolean {
    return this.losses < this.#host.losses();
  }

  touch(): void {
    this.lastSeen = this.#host.clock.monotonic();
  }

  /** Another node has claimed it. */
  lost(): void {
    this.#host.lost(this);
  }

  /** Something was refused as if the store did not know the session. True when it had lost it and has its record again. */
  restore(): Promise<boolean> {
    return this.#host.restore(this);
  }

  /** What the sweep calls each second: positions of sockets, counters, application data. */
  async checkpoint(): Promise<void> {
    if (this.gone) return;
    if (!this.ours && !this.acks && this.#moved) this.#notePositions();
    await this.keeper.flush();
  }

  /** Something was handed over since the positions were last noted. */
  #moved = false;

  #notePositions(): boolean {
    const { record } = this;
    this.#moved = false;
    const positions = this.outbox.positions();
    const topics = Object.keys(positions);
    const same =
      topics.length === Object.keys(record.cursors).length &&
      topics.every((topic) => record.cursors[topic] === positions[topic]);
    if (same) return false;
    record.cursors = positions;
    this.keeper.later("cursors");
    return true;
  }

  // Carriers ---------------------------------------------------------------------------------------------

  /** A connect. Its reply goes to its link when the time has come. */
  connect(message: ConnectMessage, link: Link, atOnce: boolean): void {
    this.touch();
    if (this.ours && link.once && this.polls.isLate(message)) {
      const { timeout, grace } = this.#host.times;
      this.#reply(link, message, retry(timeout, EVICTED_INTERVAL, grace));
      return;
    }
    this.#evict();
    const poll = link.once ? this.polls.hear(message) : null;
    // Where deliveries are acknowledged, they come with the answers to connects: also beside an event stream.
    const events = message.connectionType === "eventsource" && !this.acks;
    // Faye's first poll may overtake the opening of its event stream: the stream is taken up again when it is meant.
    if (!link.once) this.#carry(link);
    else if (!events) this.#drop();
    else if (this.#events !== null) this.#carry(this.#events);
    this.#present(message.ext);
    if (!events) this.#lastTransport = link.transport;
    const { timeout } = this.#host.times;
    if (events) {
      this.#reply(link, message, retry(0, timeout, this.#host.times.grace));
      this.wake();
      return;
    }
    const wait = Math.min(message.timeout ?? timeout, timeout);
    const { clock } = this.#host;
    const deadline = clock.monotonic() + (atOnce ? 0 : wait);
    this.#held = { message, link, poll, deadline, since: clock.now() };
    this.adriftSince = null;
    this.acks?.hear(message.ext);
    if (atOnce || wait === 0) this.#answer(true);
    this.wake();
  }

  /** A connect that came to another node and is not held there. Deliveries go on with the event stream, if one is open. */
  attend(message: ConnectMessage): Reply {
    this.touch();
    const { timeout, grace } = this.#host.times;
    const events = message.connectionType === "eventsource";
    if (events) {
      this.#evict();
      if (this.#events !== null) this.#carry(this.#events);
    }
    this.#present(message.ext);
    this.wake();
    return connectReply(message, { advice: events ? retry(0, timeout, grace) : this.#advice() });
  }

  /** Whether an event stream is open here. */
  get streams(): boolean {
    return this.#events !== null;
  }

  /** What was answered may be on its way, received or lost: the next connect tells, or has told already. */
  #answered(poll: Poll, replies: readonly Packed[]): void {
    const next = this.#held;
    if (next === null) {
      this.receipts.doubt();
      poll.replies = replies;
    } else {
      this.polls.overtaken(poll, next.poll, replies);
    }
  }

  /** An event stream or a socket takes the deliveries. */
  carry(link: Link): void {
    this.#evict();
    this.#carry(link);
    this.wake();
  }

  #carry(link: Link): void {
    if (this.#stream === link) return;
    this.#drop();
    this.#stream = link;
    this.#replied = false;
    if (link.transport === "eventsource") this.#events = link;
    this.adriftSince = null;
    this.#lastTransport = link.transport;
  }

  /** Replies that no log holds went over what carries it now. */
  #replied = false;

  /** The open event stream, whether it carries or not. */
  #events: Link | null = null;

  #drop(): void {
    if (this.#stream === null) return;
    this.#stream = null;
    if (this.ours) this.receipts.cut();
  }

  /** A link has gone. */
  unlink(link: Link): void {
    if (this.#events === link) this.#events = null;
    if (this.#stream === link) {
      // Positions tell of topics, not of replies; and unlike a socket's client this one does not come back with its token by itself.
      if (this.ours && link.transport === "eventsource" && this.#replied) this.bereft = true;
      this.#drop();
    }
    if (this.#held?.link === link) this.#held = null;
    if (!this.carried) this.adriftSince ??= this.#host.clock.monotonic();
  }

  /** Answers the held connect so that whoever waits there comes back later, or not at all. */
  #evict(): void {
    if (this.#held)
      this.#answerHeld(retry(this.#host.times.timeout, EVICTED_INTERVAL, this.#host.times.grace));
  }

  #advice(): Advice {
    const { timeout, interval, grace } = this.#host.times;
    return retry(timeout, interval, grace);
  }

  #answerHeld(advice: Advice): void {
    const held = this.#held;
    if (!held) return;
    this.#held = null;
    if (held.link.once) this.adriftSince = this.#host.clock.monotonic();
    this.#reply(held.link, held.message, advice, held.since);
  }

  #reply(link: Link, message: ConnectMessage, advice: Advice, since?: number): void {
    this.#hand(link, [this.#connectReply(message, advice, since)]);
  }

  /** `replies`: what goes out with it and no log holds. */
  #connectReply(
    message: ConnectMessage,
    advice: Advice,
    since?: number,
    replies: readonly Packed[] = [],
  ): string {
    const now = this.#host.clock.now();
    const times = timesync(message.ext, since ?? now, now);
    const ext = { ...(this.acks && { ack: this.acks.send(replies) }), ...(times && { timesync: times }) };
    return JSON.stringify(connectReply(message, { advice, ...(Object.keys(ext).length > 0 && { ext }) }));
  }

  #hand(link: Link, texts: readonly string[]): void {
    if (link.once) link.send(`[${texts.join(",")}]`);
    else this.#host.links.push(link, texts);
  }

  /** Called by the sweep. */
  tick(now: number): void {
    const held = this.#held;
    if (held && now >= held.deadline) {
      this.touch();
      this.#answer(true);
    }
  }

  // Delivering -------------------------------------------------------------------------------------------

  wake(): void {
    this.#host.links.onFlush(this.#flush);
  }

  flush(): void {
    if (this.gone || this.unrestored || this.#answering || !this.receipts.certain || !this.#host.entitled())
      return;
    const stream = this.#stream;
    if (this.acks) {
      this.#answer(false);
    } else if (stream !== null) {
      if (!stream.writable) return;
      const collected = this.outbox.collect();
      if (!collected) return;
      this.receipts.handOver();
      this.#moved = true;
      if (collected.replies.length > 0) this.#replied = true;
      this.#host.links.push(stream, collected.texts);
      collected.commit();
    } else if (this.#held?.link.once) {
      this.#answerPoll(false);
    }
  }

  /** Answers the held connect, with what is owed where that comes so; without `evenEmpty` only when something is. */
  #answer(evenEmpty: boolean): void {
    if (this.acks) this.#answerBatch(evenEmpty);
    else if (this.#held?.link.once) this.#answerPoll(evenEmpty);
    else if (evenEmpty) this.#answerHeld(this.#advice());
  }

  /** Whether it arrives is told by what the client acknowledges. */
  #answerBatch(evenEmpty: boolean): void {
    const held = this.#held;
    if (!held || (!held.link.writable && !evenEmpty)) return;
    const collected = held.link.writable && this.#host.entitled() ? this.outbox.collect() : null;
    if (!collected && !evenEmpty) return;
    this.#held = null;
    if (held.link.once) this.adriftSince = this.#host.clock.monotonic();
    const { texts = [], replies = [] } = collected ?? {};
    this.#hand(held.link, [...texts, this.#connectReply(held.message, this.#advice(), held.since, replies)]);
    collected?.commit();
  }

  /** Answers the held poll with what is owed; without `evenEmpty` only when something is. */
  #answerPoll(evenEmpty: boolean): void {
    const held = this.#held;
    if (!held || this.#answering) return;
    const collected = this.receipts.certain && this.#host.entitled() ? this.outbox.collect() : null;
    if (!collected) {
      if (evenEmpty) this.#answerHeld(this.#advice());
      return;
    }
    this.#held = null;
    this.adriftSince = this.#host.clock.monotonic();
    this.#answering = true;
    const settle = (handed: boolean): void => {
      this.#answering = false;
      if (handed) {
        collected.commit();
        if (this.ours && held.poll) this.#answered(held.poll, collected.replies);
      } else {
        collected.rollback();
      }
      this.wake();
    };
    const send = (): void => {
      const reply = this.#connectReply(held.message, this.#advice(), held.since);
      held.link.send(`[${[...collected.texts, reply].join(",")}]`, settle);
    };
    // Ours says itself what it has; for others the store must know before the answer leaves.
    if (this.ours || !this.#notePositions()) send();
    else {
      this.keeper.write().then(send, () => {
        settle(false);
        const advice = retry(this.#host.times.timeout, 1000, this.#host.times.grace);
        this.#reply(held.link, held.message, advice);
      });
    }
  }

  /** The client's word about what it has. */
  #present(ext: Ext): void {
    // In the middle of a stream more is on its way than the client can know of.
    if (this.ours && !(this.receipts.certain && this.#stream !== null)) this.receipts.present(ext);
  }

  /**
   * What the client said it has, as long as nothing was handed over since: whoever serves the session next may go on from there.
   * An event stream brings no positions, and the connect beside it may have come first.
   */
  get said(): Ext | null {
    return this.ours && !this.#answering ? this.receipts.said : null;
  }

  // Ends -------------------------------------------------------------------------------------------------

  /** Another node serves it now: whoever waits here is sent away, gently. */
  release(): void {
    if (this.gone) return;
    this.gone = true;
    this.#evict();
    this.#stream = null;
    // Nothing would ever come on it again; its client opens another one, if it still wants any.
    if (this.#events !== null) {
      if (!this.#drained) this.#events.again?.(STREAM_AGAIN);
      this.#host.links.end(this.#events, 1000, "");
    }
    this.#events = null;
    this.outbox.close();
  }

  /** Hands over what is left and answers the held connect for the last time. Bayeux 4.4: connect reply first. */
  bye(reconnect: "none" | "handshake"): void {
    const stream = this.#stream;
    const held = this.#held;
    this.#held = null;
    const collected = this.outbox.collect();
    const texts = [...(collected?.texts ?? [])];
    if (held) {
      const { timeout } = this.#host.times;
      const reply =
        reconnect === "none"
          ? this.#connectReply(held.message, none(timeout), held.since)
          : JSON.stringify(failure(held.message, "401::Session ended", { reconnect, interval: 0, timeout }));
      texts.push(reply);
    }
    const link = held?.link.once ? held.link : stream;
    if (link?.once) link.send(`[${texts.join(",")}]`);
    else if (link && texts.length > 0) this.#host.links.push(link, texts);
    if (link && (held || stream)) collected?.commit();
    else collected?.rollback();
  }

  /** A connect after the end: it is answered at once with what is left, whatever hold it asks for. */
  tellEnd(message: ConnectMessage, link: Link, reconnect: "none" | "handshake"): void {
    this.#evict();
    if (link.once) this.#drop();
    else this.#carry(link);
    this.#held = { message, link, poll: null, deadline: 0, since: this.#host.clock.now() };
    this.bye(reconnect);
  }

  get stream(): Link | null {
    return this.#stream;
  }

  /** The link of the held connect, to tell which sessions a link carries. */
  get heldLink(): Link | null {
    return this.#held?.link ?? null;
  }

  /** Has its client come back after an interval, because the node is going down. */
  drain(interval: number): void {
    this.#drained = true;
    this.#events?.again?.(interval);
    if (this.#held) this.#answerHeld(retry(this.#host.times.timeout, interval, this.#host.times.grace));
  }
}
