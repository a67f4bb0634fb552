import type { Api } from "../api.ts";
import { type Awaitable, rescue, then } from "../awaitable.ts";
import {
  failure,
  forbidden,
  internal,
  isWildcard,
  type PublishMessage,
  publishReply,
  type Reply,
  type SubscriptionMessage,
  subscriptionReply,
  tooManySubscriptions,
} from "../bayeux/index.ts";
import { EngineFailure, formatPosition, type Position, roomTopic } from "../engine/contract.ts";
import { sleep } from "../engine/insist.ts";
import type { Hooks } from "../hooks.ts";
import { jsonWith } from "../json.ts";
import type { Clock, Log } from "../ports.ts";
import type { Answer, Application } from "../sessions/application.ts";
import type { Directory } from "../sessions/directory.ts";
import type { Endings } from "../sessions/ending.ts";
import { positionsOf } from "../sessions/positions.ts";
import type { Session } from "../sessions/session.ts";
import { LINE_PREFIX, type Moves } from "../sessions/wording.ts";
import type { ActionDesk, Matching } from "./actions.ts";
import type { Authorization } from "./authorization.ts";
import type { Channels } from "./channels.ts";
import { lifeOf, sayOnLine, takeGreeting } from "./life.ts";
import { type Lines, lineOf } from "./lines.ts";
import { type Luggage, pack, unpack } from "./luggage.ts";
import { type Change, isUnderWay, type Membership } from "./membership.ts";
import { VerbRefused } from "./refused.ts";
import { Retransmissions } from "./retransmissions.ts";
import type { ServerCommand, ServerCommands } from "./server-commands.ts";
import type { VerbParts } from "./verb-parts.ts";
import { type Stamp, VERBS } from "./verbs.ts";
import { viewOf } from "./view.ts";

export interface ConnectionsParts {
  readonly lines: Lines;
  readonly membership: Membership;
  readonly channels: Channels;
  readonly actions: ActionDesk;
  readonly endings: Endings;
  readonly authorization: Authorization;
  readonly verbs: VerbParts;
  readonly commands: ServerCommands;
  readonly directory: () => Directory;
  readonly api: () => Api;
  readonly hooks: Hooks;
  readonly clock: Clock;
  readonly log: Log;
  readonly welcome: string;
  readonly defaultRoom: string;
  readonly allowed: ReadonlySet<string>;
  readonly maxSubscriptions: number;
}

/** Traditional clients publish "hello" there before they subscribe to their line. */
const HELLO = "/_welcome";

/** Characters of a session's digest that tell it from its client's other ones. */
const SCOPE = 12;

/** Milliseconds between attempts to hand a response to the node that serves its connection now. */
const FORWARDING = [250, 500, 1000, 2000, 4000, 8000];

/** What connections do with sessions: lines, verbs, actions, plain channels. */
export class Connections implements Application {
  readonly #parts: ConnectionsParts;

  constructor(parts: ConnectionsParts) {
    this.#parts = parts;
  }

  // Moving -----------------------------------------------------------------------------------------------

  take(session: Session, luggage: unknown, resumed: boolean): void {
    if (luggage === null || luggage === undefined) return;
    this.#unpack(session, luggage as Luggage, resumed);
    if (!resumed && session.ours) lifeOf(session).said = (luggage as Luggage).said;
  }

  async reopen(session: Session): Promise<void> {
    const { lines, membership, channels } = this.#parts;
    if (session.record.ended) return;
    await lines.restore(session);
    channels.restore(session);
    if (session.record.line) await membership.reopen(session);
    const life = lifeOf(session);
    const positions = life.said && positionsOf(life.said);
    if (positions) session.receipts.seek(positions);
    life.said = null;
  }

  async register(session: Session): Promise<void> {
    const { lines, membership, endings, log } = this.#parts;
    if (session.record.ended) return;
    if (!(await lines.register(session))) {
      log.warn({ connection: session.id }, "the store lost a connection's line and somebody else has it now");
      await endings.end(session, { reason: "the line was lost", reconnect: "handshake" });
      return;
    }
    await membership.register(session);
  }

  pack(session: Session): Luggage {
    return pack(session);
  }

  receive(session: Session, luggage: unknown): void {
    // Whether the client has resumed meanwhile is not known here. Ours asks again in any case.
    this.#unpack(session, luggage as Luggage, session.ours);
  }

  #unpack(session: Session, luggage: Luggage, asksAgain: boolean): void {
    unpack(session, luggage, asksAgain, (pending) => this.#parts.actions.inherit(session, pending));
  }

  presented(session: Session, said: (topic: string) => Position | null): void {
    lifeOf(session).owed = this.#parts.membership.reread(session, said);
  }

  /** What the handshake reply says of a connection that was resumed (docs/protocol.md §6). */
  describe(session: Session): Record<string, unknown> {
    const { rooms, verb, counts } = session.record;
    const topic = rooms.room === null ? null : roomTopic(rooms.room);
    const opened = topic === null ? undefined : session.outbox.startOf(topic);
    const position = rooms.start ?? (opened && formatPosition(opened));
    return {
      room: rooms.room,
      ...(topic === null ? {} : { topic, last: lifeOf(session).lastSaid }),
      ...(position ? { position } : {}),
      listeningRooms: Object.keys(rooms.listening),
      verb: verb.n,
      messageCount: counts.messages,
    };
  }

  async presence(session: Session, away: boolean): Promise<void> {
    if (isUnderWay(session.record.rooms)) await this.#parts.membership.settle(session);
    session.away = away;
    await this.#parts.membership.present(session);
  }

  async leave(session: Session, reason: string): Promise<void> {
    const { lines, membership, hooks, api, log } = this.#parts;
    const connected = session.record.line !== null;
    if (connected) await membership.leaveAll(session);
    await lines.leave(session);
    try {
      if (connected) await hooks.onDisconnect?.(viewOf(session), api());
    } catch (err) {
      log.error({ connection: session.id, reason, err }, "the onDisconnect hook failed");
    }
    session.outbox.close();
  }

  command(session: Session, command: unknown): Promise<unknown> {
    return this.#parts.commands.run(session, command);
  }

  // Subscribing ------------------------------------------------------------------------------------------

  async subscribe(session: Session, message: SubscriptionMessage): Promise<Answer> {
    const { channels, maxSubscriptions } = this.#parts;
    const plain: string[] = [];
    const named = new Set<string>();
    // All are judged before any has effect (case 93).
    for (const name of message.subscriptions) {
      const id = lineOf(name);
      if (id !== undefined && !isWildcard(name)) {
        named.add(id);
        continue;
      }
      const refused = await this.#parts.authorization.channel(session, name, "subscribe");
      if (refused !== null) return { reply: failure(message, refused) };
      plain.push(name);
    }
    const known = Object.keys(session.record.channels);
    if (new Set([...known, ...plain]).size > maxSubscriptions) {
      return { reply: failure(message, tooManySubscriptions(plain[0] ?? "")) };
    }
    let after: (() => void) | undefined;
    const [line] = named;
    if (line !== undefined) {
      const another = anotherOf(named, session);
      const claimed = another === undefined ? await this.#claim(session, line) : null;
      if (claimed === null) return { reply: failure(message, forbidden(`${LINE_PREFIX}${another ?? line}`)) };
      after = claimed;
    }
    await channels.subscribe(session, plain);
    return { reply: subscriptionReply(message), ...(after ? { after } : {}) };
  }

  async unsubscribe(session: Session, message: SubscriptionMessage): Promise<Answer> {
    await this.#parts.channels.unsubscribe(session, message.subscriptions);
    return { reply: subscriptionReply(message) };
  }

  /** Creates the connection; null when the line is not to be had. What is returned greets it. */
  async #claim(session: Session, id: string): Promise<(() => void) | null> {
    const { lines, membership, defaultRoom, welcome, hooks, api, log } = this.#parts;
    const { record } = session;
    const known = record.line?.id === id;
    // An attempt that was cut short is finished.
    if (known && !isUnderWay(record.rooms)) return () => {};
    const first = record.line === null || (known && record.rooms.leaving === null);
    const room = record.line === null && (await this.#mayBegin(session, id)) ? defaultRoom : null;
    if (!(await lines.claim(session, id, room))) return null;
    // A line that replaces another inherits its rooms without a word.
    if (!first) {
      record.counts.messages = 0;
      session.keeper.later("counts");
      await membership.present(session);
    }
    let change: Change = { moves: {} };
    if (record.rooms.room !== null)
      change = await (first && !known ? membership.enter(session) : membership.settle(session));
    if (first) {
      void Promise.resolve()
        .then(() => hooks.onConnect?.(viewOf(session), api()))
        .catch((err: unknown) => log.error({ connection: session.id, err }, "the onConnect hook failed"));
    }
    const data = JSON.stringify({ context: "api", welcome, room: record.rooms.room });
    lifeOf(session).greeting = [{ data, ...change }];
    return () => {
      for (const { data, ...order } of takeGreeting(session)) session.outbox.pushText(data, order);
    };
  }

  /** Whether a connection with this line may be in the first room; otherwise it begins in none. */
  async #mayBegin(session: Session, line: string): Promise<boolean> {
    const { authorization, defaultRoom } = this.#parts;
    const life = lifeOf(session);
    life.claiming = line;
    try {
      await authorization.room(session, defaultRoom, "join");
      return true;
    } catch (refused) {
      if (refused instanceof VerbRefused) return false;
      throw refused;
    } finally {
      life.claiming = null;
    }
  }

  // Publishing -------------------------------------------------------------------------------------------

  publish(session: Session, message: PublishMessage): Awaitable<Answer> {
    const key = keyOf(session, message);
    const act = (): Awaitable<Reply> => this.#publish(session, message, key);
    const reply = key === null ? act() : lifeOf(session).retransmissions.answer(key, act);
    return then(reply, (done) => ({ reply: done }));
  }

  #publish(session: Session, message: PublishMessage, key: string | null): Awaitable<Reply> {
    const { channel } = message;
    const id = lineOf(channel);
    if (id === undefined) return this.#broadcast(session, message, key);
    // Only on its own line; also a minted one that it has not claimed is nobody else's.
    if (session.record.line?.id !== id) return failure(message, forbidden(channel));
    return this.#event(session, message, key);
  }

  /** Something for a plain channel. */
  async #broadcast(session: Session, message: PublishMessage, key: string | null): Promise<Reply> {
    const { channel, data } = message;
    if (channel === HELLO || channel.startsWith("/service/")) return publishReply(message);
    const refused = await this.#parts.authorization.channel(session, channel, "publish");
    if (refused !== null) return failure(message, refused);
    const publisher = key === null ? null : { id: session.id, fence: session.fence, key };
    // Of a publisher's `ext` subscribers get only what they need to read the data: the rest may be secret (BAYEUX 5.7).
    const { binary } = message.ext;
    await this.#parts.channels.publish(
      channel,
      data,
      publisher,
      binary === undefined ? undefined : { binary },
    );
    return publishReply(message);
  }

  /** Something a connection asks on its line. Acknowledged when it is stored or accepted; answered on the line. */
  #event(session: Session, message: PublishMessage, key: string | null): Awaitable<Reply> {
    const { record } = session;
    const data = typeof message.data === "object" && message.data !== null ? message.data : {};
    const fields = data as Record<string, unknown>;
    const event = Object.hasOwn(fields, "event") ? fields.event : undefined;
    record.counts.messages += 1;
    session.keeper.later("counts");
    const messageId = Object.hasOwn(fields, "messageId") ? fields.messageId : undefined;
    const matching: Matching = { messageCount: record.counts.messages, messageId };
    const respond = (body: object, order: { moves?: Moves | undefined } = {}): void =>
      sayOnLine(session, jsonWith(body, { context: "response", ...matching }), order);
    const acknowledged = (): Reply => publishReply(message);
    return rescue(
      () => {
        if (typeof event !== "string" || !this.#parts.allowed.has(event))
          throw new VerbRefused("unknown_verb");
        if (event === "action") {
          const rebuilt = isRebuilt(session, message);
          // Ours says itself what it asks again.
          const repeats = session.ours ? null : key;
          return then(this.#parts.actions.call(session, fields, matching, rebuilt, repeats), acknowledged);
        }
        if (event === "quit" || event === "exit") return this.#quit(session, event).then(acknowledged);
        const verb = VERBS.get(event);
        if (!verb) throw new VerbRefused("unknown_verb");
        const call = { session, data: fields, stamp: stampOf(session, message), key };
        return verb(call, this.#parts.verbs).then((reply) => {
          if (reply) {
            const { data: answer, ...order } = reply;
            respond({ status: "OK", data: answer }, order);
          }
          return acknowledged();
        });
      },
      (failed) => {
        if (failed instanceof VerbRefused) {
          const { message: error, code, fields: more } = failed;
          respond({ status: error, error, code, data: null, ...more });
          return acknowledged();
        }
        if (failed instanceof EngineFailure) throw failed;
        this.#parts.log.error({ connection: session.id, event: String(event), err: failed }, "a verb failed");
        return failure(message, internal());
      },
    );
  }

  async #quit(session: Session, event: "quit" | "exit"): Promise<void> {
    const reason = `${event} requested`;
    const goodbye = { context: "api", status: "Bye!", reason };
    await this.#parts.endings.end(session, { reason, reconnect: "none", goodbye });
  }

  /** Puts a response on the line of a connection that may have moved meanwhile; done when it is there. */
  respond(session: Session, text: string, pending: string | number | undefined): Awaitable<void> {
    if (session.gone) return this.#forward(session.id, { kind: "respond", text, pending: pending ?? null });
    sayOnLine(session, text);
  }

  /** Its client waits for it on a line that may be whole: tried again as long as somebody might be there to take it. */
  async #forward(id: string, command: ServerCommand): Promise<void> {
    const { directory, clock, log } = this.#parts;
    for (const pause of FORWARDING) {
      try {
        await directory().command(id, { op: "server", command });
        return;
      } catch (err) {
        log.warn({ connection: id, err }, "a response has not reached the node that serves its connection");
        await sleep(clock, pause);
      }
    }
  }
}

/** A session has one line: of several that are named, one that is not its own. */
function anotherOf(named: ReadonlySet<string>, { id, record }: Session): string | undefined {
  if (named.size < 2) return undefined;
  const own = record.line?.id ?? id;
  return [...named].slice(named.has(own) ? 0 : 1).find((name) => name !== own);
}

function isRebuilt({ ours }: Session, { ext }: PublishMessage): boolean {
  const said = ext.actionwire;
  return (
    ours && typeof said === "object" && said !== null && (said as { rebuilt?: unknown }).rebuilt === true
  );
}

/**
 * By what a repeat of a publish is recognised; null where it cannot be, or need not. CometD never repeats one (BAYEUX 3.7); ours
 * numbers what it repeats itself, but not all of what a browser repeats on its own when a connection breaks. Of what it asks no
 * two have one `messageId`; the ids of its messages begin again with each session.
 */
function keyOf(session: Session, message: PublishMessage): string | null {
  const { ours, record } = session;
  if (record.who.cometd || stampOf(session, message) !== null) return null;
  if (!ours) return Retransmissions.key(message);
  const { id, data } = message;
  const messageId =
    typeof data === "object" && data !== null ? (data as { messageId?: unknown }).messageId : undefined;
  const named = typeof messageId === "number" || (typeof messageId === "string" && messageId !== "");
  const known = named ? JSON.stringify(messageId) : Retransmissions.key(message);
  return id === undefined || known === null
    ? null
    : `${id} ${record.session.current.slice(0, SCOPE)} ${known}`;
}

function stampOf(session: Session, message: PublishMessage): Stamp | null {
  if (!session.ours) return null;
  const said = message.ext.actionwire;
  if (typeof said !== "object" || said === null) return null;
  const { n, room } = said as { n?: unknown; room?: unknown };
  if (typeof n !== "number" || !Number.isSafeInteger(n) || n < 1) return null;
  return { n, room: typeof room === "string" ? room : null };
}
