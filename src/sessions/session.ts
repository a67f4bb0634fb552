import type { ConnectMessage, Ext, Reply } from "../bayeux/index.ts";
import { connectReply } from "../bayeux/index.ts";
import type { Engine } from "../engine/contract.ts";
import type { Hub } from "../hub/hub.ts";
import type { Clock } from "../ports.ts";
import { Acks } from "./acks.ts";
import { Allowance, type Rate } from "./allowance.ts";
import { Answers, EVICTED_INTERVAL, OFFERED_INTERVAL } from "./answers.ts";
import { Carriage } from "./carriage.ts";
import { Deliveries } from "./deliveries.ts";
import type { Link } from "./gateway.ts";
import { Keeper } from "./keeper.ts";
import type { Links } from "./links.ts";
import { Mailbox } from "./mailbox.ts";
import { Outbox } from "./outbox.ts";
import { Polls } from "./polls.ts";
import { Receipts } from "./receipts.ts";
import type { ConnectionRecord } from "./record.ts";
import type { SessionTimes } from "./times.ts";
import { OUR_CHANNEL } from "./wording.ts";

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

/** Milliseconds after which a client opens an event stream again whose session a poll has taken elsewhere: Faye's last one before it. */
const STREAM_AGAIN = 50;

/** Asks a client of ours for a connect, since that tells what it has. */
const PRESENT = JSON.stringify({ channel: OUR_CHANNEL, ext: { actionwire: { present: true } } });

/** A connection that this node serves: its record under a fence, what it is owed, and what carries it. */
export class Session {
  /** When a connect that is held falls due, or its credential ends; monotonic milliseconds. May be too early. */
  dueAt: number;
  /** Time has something to do for it: see the sweep. */
  restless = true;
  /** When the sweep looks at it in any case. Monotonic milliseconds. */
  lookAt = 0;
  readonly id: string;
  readonly fence: number;
  readonly record: ConnectionRecord;
  readonly mailbox = new Mailbox();
  readonly keeper: Keeper;
  readonly outbox: Outbox;
  readonly carriage: Carriage;
  readonly polls: Polls;
  readonly receipts: Receipts;
  /** Of a client that acknowledges deliveries. */
  readonly acks: Acks | null;
  /** Events it may send now. */
  readonly allowance: Allowance;
  /** Monotonic milliseconds of the last sign of life. */
  lastSeen: number;
  /** What others see; null when that is not known here, since another node may have changed it. */
  away: boolean | null;
  /** When it ended, monotonic milliseconds; it is still remembered for a while. */
  endedAt: number | null = null;
  /** It has ended but has not left everything yet. */
  unfinished = false;
  /** It came without what its former owner knew beside the record, and its client has not been told. */
  bereft = false;
  /** The fence under which what was unpacked here last had been packed; 0 before. */
  unpacked = 0;
  /** It was taken over, and not everything it reads is open again: nothing may be done for it or handed over until it is. */
  unrestored = false;
  /** Losses of the store that this session has got over. */
  losses: number;
  /** Milliseconds after which its client is to come back from a node that goes down; null at any other. */
  #parting: number | null = null;
  /** It is no longer this node's: nothing may be done for it here. */
  gone = false;
  /** It is about to be let go: its positions are being written, and nothing is handed over that they do not tell of. */
  leaving = false;
  /** Whatever another layer keeps beside it (pending actions, answered publishes). */
  readonly companions: Record<symbol, unknown> = {};

  readonly #host: SessionHost;
  /** Of `record.who`, which stays the same for as long as it is served here under one fence. */
  readonly #expiresAt: number | undefined;
  readonly #answers: Answers;
  readonly #deliveries: Deliveries;

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
    this.#expiresAt = record.who.expiresAt;
    this.dueAt = this.#expires();
    this.allowance = new Allowance(host.rate, host.clock);
    this.lastSeen = host.clock.monotonic();
    this.outbox = new Outbox(host.hub, record.who.ours, record.acks !== null, this);
    this.outbox.line = record.line?.id ?? null;
    this.keeper = new Keeper(host.engine, this);
    this.polls = new Polls(this.outbox);
    this.receipts = new Receipts(this.outbox, fresh || !record.who.ours);
    const later = this.keeper.later.bind(this.keeper);
    const { outbox, receipts } = this;
    this.acks = record.acks && new Acks({ record, fence, outbox, receipts, later });
    const { links, clock, times } = host;
    this.#answers = new Answers({ links, clock, times, acks: this.acks });
    this.carriage = new Carriage(host.clock, this);
    this.#deliveries = new Deliveries(this, this.#answers, host);
    this.away = fresh ? false : null;
  }

  get ours(): boolean {
    return this.record.who.ours;
  }

  /** Its credential has ended, and its client has not come with another one. */
  get lapsed(): boolean {
    return this.#expiresAt !== undefined && this.#host.clock.now() >= this.#expiresAt;
  }

  /** How many characters of replies its client has not fetched, or not acknowledged. */
  get unread(): number {
    return this.outbox.unread + (this.acks?.unread ?? 0);
  }

  /** The store has lost what it knew of it. */
  get uprooted(): boolean {
    return this.losses < this.#host.losses();
  }

  /** The sweep is to look at it within a second. */
  stir(): void {
    this.restless = true;
  }

  /** What carried its deliveries has gone. */
  cut(): void {
    if (this.ours) this.receipts.cut();
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

  /** Whether a checkpoint has something to do. */
  get unwritten(): boolean {
    return this.#deliveries.unnoted || this.keeper.unwritten;
  }

  /** What the sweep calls each second: positions of sockets, counters, application data. */
  async checkpoint(): Promise<void> {
    if (this.gone) return;
    this.#deliveries.checkpoint();
    await this.keeper.flush();
  }

  // Connects ---------------------------------------------------------------------------------------------

  /** A connect. Its reply goes to its link when the time has come. */
  connect(message: ConnectMessage, link: Link, atOnce: boolean): void {
    this.touch();
    if (this.ours && link.once && this.polls.isLate(message)) {
      this.#answers.reply({ link, message }, EVICTED_INTERVAL);
      return;
    }
    this.#evict();
    const poll = link.once ? this.polls.hear(message) : null;
    // Where deliveries are acknowledged, they come with the answers to connects: also beside an event stream.
    const events = message.connectionType === "eventsource" && !this.acks;
    // Faye's first poll may overtake the opening of its event stream: the stream is taken up again when it is meant.
    if (!link.once) this.carriage.take(link);
    else if (events) this.carriage.resume();
    else this.carriage.poll();
    this.#present(message.ext);
    if (events) {
      this.#answers.give(link, [this.#answers.text({ message }, this.#answers.streaming())]);
      this.wake();
      return;
    }
    const { clock, times } = this.#host;
    const wait = atOnce ? 0 : Math.min(message.timeout ?? times.timeout, times.timeout);
    const deadline = clock.monotonic() + wait;
    this.carriage.hold({ message, link, poll, deadline, since: clock.now() });
    this.dueAt = Math.min(this.dueAt, deadline);
    this.acks?.hear(message.ext);
    // What is being answered may be a part of the same response: neither would come if one waited for the other.
    if (atOnce && link.once && this.#deliveries.answering) this.#answers.reply(this.carriage.letGo());
    else if (wait === 0) this.#deliveries.answer(true);
    this.wake();
  }

  /** A connect that came to another node and is not held there. */
  attend(message: ConnectMessage): Reply {
    this.touch();
    const events = message.connectionType === "eventsource";
    if (events) {
      this.#evict();
      this.carriage.resume();
    } else {
      this.carriage.poll();
    }
    this.#present(message.ext);
    this.wake();
    return connectReply(message, { advice: events ? this.#answers.streaming() : this.#answers.advice() });
  }

  /** A socket takes the deliveries. So does an event stream, unless its client polls as if it had none. */
  carry(link: Link): void {
    if (link.transport === "eventsource" && this.carriage.polled) {
      this.carriage.offer(link);
      this.#answers.reply(this.carriage.letGo(), OFFERED_INTERVAL);
      return;
    }
    this.#evict();
    this.carriage.take(link);
    // Nothing goes over it before its client has said what it has; the connect beside it may be long in coming.
    if (this.ours && link.transport === "eventsource" && !this.receipts.certain)
      this.#host.links.push(link, [PRESENT]);
    this.wake();
  }

  /** A link has gone. */
  unlink(link: Link): void {
    const lossy = this.carriage.unlink(link);
    // Unlike a socket's client this one does not come back with its token by itself.
    if (lossy && this.ours) this.bereft = true;
  }

  /** Answers the held connect so that whoever waits there comes back later, or not at all. */
  #evict(): void {
    this.#answers.reply(this.carriage.letGo(), EVICTED_INTERVAL);
  }

  /** Called by the sweep when it is due. */
  tick(now: number): void {
    const { held, carried, events } = this.carriage;
    if (this.lapsed) this.stir();
    if ((carried || events) && this.lapsed && this.endedAt === null) this.turnAway();
    else if (held && now >= held.deadline) {
      this.touch();
      this.#deliveries.answer(true);
    }
    this.dueAt = Math.min(this.#expires(), this.carriage.held?.deadline ?? Number.POSITIVE_INFINITY);
  }

  /** When its credential ends, if it has not ended yet. Monotonic milliseconds. */
  #expires(): number {
    if (this.#expiresAt === undefined || this.lapsed) return Number.POSITIVE_INFINITY;
    const { clock } = this.#host;
    return clock.monotonic() + this.#expiresAt - clock.now();
  }

  wake(): void {
    this.#host.links.onFlush(this);
  }

  flush(): void {
    if (!this.gone && !this.leaving && !this.unrestored && !this.lapsed) this.#deliveries.flush();
  }

  /** The client's word about what it has. */
  #present(ext: Ext): void {
    // In the middle of a stream more is on its way than the client can know of.
    if (this.ours && !(this.receipts.certain && this.carriage.stream !== null)) this.receipts.present(ext);
  }

  /**
   * What the client said it has, as long as nothing was handed over since: whoever serves the session next may go on from there.
   * An event stream brings no positions, and the connect beside it may have come first.
   */
  get said(): Ext | null {
    return this.ours && !this.#deliveries.answering ? this.receipts.said : null;
  }

  // Ends -------------------------------------------------------------------------------------------------

  /** Another node serves it now: whoever waits here is sent away, gently. */
  release(): void {
    if (this.gone) return;
    this.gone = true;
    this.#answers.reply(this.carriage.letGo(), this.#parting ?? EVICTED_INTERVAL);
    // Nothing would ever come on it again.
    this.#endStream(this.carriage.leave());
    this.outbox.close();
  }

  /** Its client is told to begin again, after an interval, and nothing carries it until it has. */
  turnAway(interval?: number): void {
    const { stream } = this.carriage;
    const held = this.carriage.letGo();
    // Others than ours, on a socket, ask before long.
    const unasked = this.ours || stream?.transport === "eventsource" ? stream : null;
    const link = held?.link ?? unasked;
    if (link) this.#answers.give(link, [this.#answers.again(held?.message, interval)]);
    this.#endStream(this.carriage.leave());
  }

  /** Its client opens another one, if it still wants any. */
  #endStream(events: Link | null): void {
    if (events === null) return;
    events.again?.(this.#parting ?? STREAM_AGAIN);
    this.#host.links.end(events, 1000, "");
  }

  /** Hands over what is left and answers the held connect for the last time. Bayeux 4.4: connect reply first. */
  bye(reconnect: "none" | "handshake"): void {
    const { stream } = this.carriage;
    const held = this.carriage.letGo();
    const link = held?.link.once ? held.link : stream;
    const collected = this.lapsed ? null : this.outbox.collect();
    const texts = [...(collected?.texts ?? [])];
    // Whoever has an event stream connects again when a poll would have ended: until then it would know nothing.
    if (held || link?.transport === "eventsource") texts.push(this.#answers.last(held, reconnect));
    if (link && texts.length > 0) this.#answers.give(link, texts);
    if (link) collected?.commit();
    else collected?.rollback();
  }

  /** A connect after the end: it is answered at once with what is left, whatever hold it asks for. */
  tellEnd(message: ConnectMessage, link: Link, reconnect: "none" | "handshake"): void {
    this.#evict();
    if (link.once) this.carriage.drop();
    else this.carriage.take(link);
    this.carriage.hold({ message, link, poll: null, deadline: 0, since: this.#host.clock.now() });
    this.bye(reconnect);
  }

  /**
   * Has its client go on elsewhere after an interval, because the node is going down. True when it comes back with its token by
   * itself: what it sends on its link meanwhile is heard, which it would not be on one that is closed.
   */
  drain(interval: number): boolean {
    this.#parting = interval;
    const resumes = this.ours && this.carriage.stream !== null;
    if (resumes) this.turnAway(interval);
    else this.#answers.reply(this.carriage.letGo(), interval);
    return resumes;
  }
}
