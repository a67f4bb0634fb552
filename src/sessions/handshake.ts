import { isDeepStrictEqual } from "node:util";
import type { HandshakeMessage, Reply } from "../bayeux/index.ts";
import {
  denied,
  handshakeAgain,
  handshakeRefused,
  handshakeReply,
  none,
  rateLimited,
  retry,
  timesync,
  unavailable,
} from "../bayeux/index.ts";
import type { Engine } from "../engine/contract.ts";
import { parsePosition } from "../engine/contract.ts";
import { insist } from "../engine/insist.ts";
import { authenticated, type Hooks, Refusal, type Who } from "../hooks.ts";
import type { Clock, Log, Random } from "../ports.ts";
import { Allowance, type Rate } from "./allowance.ts";
import { type Directory, GONE } from "./directory.ts";
import type { Requester } from "./gateway.ts";
import { digest, newCredential, newUuid, parseCredential } from "./ids.ts";
import { type ConnectionRecord, formatRecord, newRecord } from "./record.ts";
import type { Session } from "./session.ts";
import type { SessionTimes } from "./times.ts";

/** Superseded sessions of a connection that are remembered, to be told so. */
const SUPERSEDED = 8;
/** Milliseconds before a handshake that could not be served is tried again (BAYEUX 0.1 rule 3: at least 5 s). */
const LATER = 5000;

/** Addresses whose handshakes are counted. */
const ADDRESSES = 10_000;

export const COOKIE = "BAYEUX_BROWSER";

export interface HandshakeParts {
  readonly engine: Engine;
  readonly directory: Directory;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly times: SessionTimes;
  readonly types: readonly string[];
  /** Bytes of the largest message that every transport takes. */
  readonly maxMessage: number;
  readonly hooks: Pick<Hooks, "authenticate">;
  /** What the resume part of the reply says of a resumed connection (docs/protocol.md §6). */
  readonly describe: (session: Session) => Record<string, unknown>;
  /** A new session can be found by its identity from now on. */
  readonly enlist: (session: Session) => Promise<void>;
  readonly draining: () => boolean;
  /** Whether this node may serve sessions now. */
  readonly entitled: () => boolean;
  /** How often the store has lost something. */
  readonly losses: () => number;
  /** What the store is. */
  readonly era: () => string | null;
  /** Sessions on this node, those that are away included; only who comes back gets in beyond. */
  readonly most: number;
  /** Handshakes of one address; null: no limit. */
  readonly rate: Rate | null;
}

interface Wish {
  readonly ours: boolean;
  readonly token: string | null;
  readonly positions: unknown;
  /** Which of the client's attempts this is. */
  readonly attempt: number | null;
}

/** Its client has given it up and may have come back since. */
const OVERTAKEN = Symbol("overtaken");

/** The connection has ended, and its client was to stay away. */
class Banished {
  readonly reason: string;
  constructor(reason: string) {
    this.reason = reason;
  }
}

/** Bayeux 4.1: a new session, or one that takes an existing connection over. Never rejects. */
export class Handshakes {
  readonly #parts: HandshakeParts;
  readonly #allowances = new Map<string, Allowance>();

  constructor(parts: HandshakeParts) {
    this.#parts = parts;
  }

  async answer(message: HandshakeMessage, requester: Requester): Promise<Reply> {
    const { clock } = this.#parts;
    const received = clock.now();
    const reply = await this.#serve(message, requester);
    const times = timesync(message.ext, received, clock.now());
    if (times) reply.ext = { ...(reply.ext as object | undefined), timesync: times };
    return reply;
  }

  async #serve(message: HandshakeMessage, requester: Requester): Promise<Reply> {
    const { types, times, log, draining, entitled, hooks, clock } = this.#parts;
    const later = handshakeAgain(LATER, times.timeout);
    if (draining()) return handshakeRefused(message, "503::The server is shutting down", later, types);
    if (!entitled()) return handshakeRefused(message, unavailable(), later, types);
    if (!this.#allowed(requester.remoteIP)) return handshakeRefused(message, rateLimited(), later, types);
    let who: Who;
    try {
      const { headers, cookies, remoteIP } = requester;
      who = await authenticated(hooks, { headers, cookies, ext: message.ext, remoteIP }, clock.now());
    } catch (refusal) {
      const told = refusal instanceof Refusal;
      if (!told) log.error({ err: refusal }, "the authenticate hook failed; the handshake is refused");
      const error = denied(told ? refusal.message : "Handshake denied");
      return handshakeRefused(message, error, none(times.timeout), types);
    }
    try {
      const wish = wishOf(message);
      const resumed = wish.token === null ? null : await this.#resume(wish.token, who, wish);
      if (resumed instanceof Banished)
        return handshakeRefused(message, denied(resumed.reason), none(times.timeout), types);
      if (resumed === OVERTAKEN) {
        const again = handshakeAgain(0, times.timeout);
        return handshakeRefused(message, unavailable(), again, types);
      }
      if (resumed === null && this.#parts.directory.local.size >= this.#parts.most)
        return handshakeRefused(message, unavailable(), later, types);
      return await (resumed
        ? this.#welcomeBack(message, resumed)
        : this.#begin(message, requester, who, wish));
    } catch (err) {
      log.warn({ err }, "a handshake could not be served");
      return handshakeRefused(message, unavailable(), later, types);
    }
  }

  #allowed(address: string): boolean {
    const { rate, clock } = this.#parts;
    if (rate === null) return true;
    let allowance = this.#allowances.get(address);
    if (!allowance) {
      // Whoever is forgotten starts with a full allowance again; that bounds the memory, not the rate.
      if (this.#allowances.size >= ADDRESSES) this.#allowances.delete(this.#allowances.keys().next().value!);
      allowance = new Allowance(rate, clock);
      this.#allowances.set(address, allowance);
    }
    return allowance.take();
  }

  async #begin(message: HandshakeMessage, requester: Requester, who: Who, wish: Wish): Promise<Reply> {
    const { engine, directory, clock, random, enlist } = this.#parts;
    const id = newUuid(random);
    const clientId = newCredential(id, random);
    const token = newCredential(id, random);
    const cookie = requester.cookies[COOKIE];
    const record = newRecord({
      who: {
        browser: cookie === undefined ? null : digest(cookie),
        remoteIP: requester.remoteIP,
        remotePort: requester.remotePort,
        connectedAt: clock.now(),
        ours: wish.ours,
        cometd: message.cometd,
        ...who,
      },
      session: { current: parseCredential(clientId)!.digest, superseded: [] },
      resume: { current: parseCredential(token)!.digest, previous: null },
      // Ours has positions instead.
      acks: message.ext.ack === true && !wish.ours ? { sent: [] } : null,
      era: this.#parts.era(),
    });
    const losses = this.#parts.losses();
    await insist(clock, () => engine.createConnection(id, formatRecord(record)));
    await enlist(directory.adopt(id, 1, record, true, losses));
    return this.#reply(message, clientId, id, { token, resumed: false }, record.acks !== null);
  }

  /**
   * The connection that the token opens, taken over by this node; null when it opens none. A handshake may be served after a
   * later one of the same client (its node stood still, or was slow), which must not lose its session to it.
   */
  async #resume(
    token: string,
    who: Who,
    wish: Wish,
  ): Promise<{ session: Session; clientId: string; token: string } | Banished | typeof OVERTAKEN | null> {
    const { directory, random, log } = this.#parts;
    const presented = parseCredential(token);
    if (!presented) return null;
    const { connection } = presented;
    const clientId = newCredential(connection, random);
    const next = newCredential(connection, random);
    const { attempt } = wish;
    let overtaken = false;
    let banished: Banished | null = null;
    const change = (record: ConnectionRecord): Partial<ConnectionRecord> | null => {
      const { current, previous } = record.resume;
      const good = presented.digest === current || presented.digest === previous;
      const { attempt: latest } = record.resume;
      overtaken =
        presented.digest === previous && attempt !== null && latest !== undefined && attempt <= latest;
      if (overtaken) return null;
      const same = good && isDeepStrictEqual(record.who.identity, who.identity);
      if (same && record.ended?.reconnect === "none") {
        banished = new Banished(record.ended.reason);
        return null;
      }
      if (!same || record.ended) {
        log.warn({ connection }, "a resume token that is not good any more was presented");
        return null;
      }
      const { session } = record;
      const { expiresAt: _former, ...person } = record.who;
      return {
        who: Object.assign(person, who),
        session: {
          current: parseCredential(clientId)!.digest,
          superseded: [session.current, ...session.superseded].slice(0, SUPERSEDED),
        },
        // The one just used stays good until the new session shows that it got its reply.
        resume: {
          current: parseCredential(next)!.digest,
          previous: presented.digest,
          ...(attempt === null ? {} : { attempt }),
        },
      };
    };
    const session = await directory.acquire(connection, change);
    if (session === GONE) return banished ?? (overtaken ? OVERTAKEN : null);
    const { positions } = wish;
    const said =
      typeof positions === "object" && positions !== null ? (positions as Record<string, unknown>) : {};
    session.receipts.seek((topic) => (Object.hasOwn(said, topic) ? parsePosition(said[topic]) : null));
    return { session, clientId, token: next };
  }

  #welcomeBack(
    message: HandshakeMessage,
    back: { session: Session; clientId: string; token: string },
  ): Reply {
    const { session, clientId, token } = back;
    const id = session.record.line?.id ?? session.id;
    return this.#reply(message, clientId, id, { token, resumed: true, ...this.#parts.describe(session) });
  }

  #reply(
    message: HandshakeMessage,
    clientId: string,
    connectionId: string,
    resume: Record<string, unknown>,
    acks = false,
  ): Reply {
    const { times, types, maxMessage } = this.#parts;
    const grace = times.grace / 1000;
    return handshakeReply(message, {
      clientId,
      types,
      advice: retry(times.timeout, times.interval, times.grace),
      ext: {
        actionwire: { connectionId, resume: { grace, ...resume }, limits: { message: maxMessage } },
        ...(acks ? { ack: true } : {}),
      },
    });
  }
}

function wishOf(message: HandshakeMessage): Wish {
  const said = message.ext.actionwire;
  if (typeof said !== "object" || said === null)
    return { ours: false, token: null, positions: null, attempt: null };
  const { client, resume } = said as { client?: unknown; resume?: unknown };
  const { token, positions, attempt } = (typeof resume === "object" && resume !== null ? resume : {}) as {
    token?: unknown;
    positions?: unknown;
    attempt?: unknown;
  };
  return {
    ours: client !== undefined,
    token: typeof token === "string" ? token : null,
    positions,
    attempt: Number.isSafeInteger(attempt) ? (attempt as number) : null,
  };
}
