import { type Awaitable, rescue, then } from "../awaitable.ts";
import {
  type ConnectMessage,
  disconnectReply,
  failure,
  handshakeAgain,
  internal,
  type Message,
  type MessageLimits,
  none,
  outcomeUnknown,
  parseMessage,
  type Reply,
  rateLimited,
  retry,
  unavailable,
  unknownClient,
  unread,
} from "../bayeux/index.ts";
import { EngineFailure } from "../engine/contract.ts";
import type { Log } from "../ports.ts";
import type { Application } from "./application.ts";
import { type Directory, GONE, Unheard } from "./directory.ts";
import { Exchange, type Result } from "./exchange.ts";
import type { Gateway, Link } from "./gateway.ts";
import type { Handshakes } from "./handshake.ts";
import { type Credential, parseCredential } from "./ids.ts";
import type { Links } from "./links.ts";
import type { Session } from "./session.ts";
import type { SessionTimes } from "./times.ts";

/** A message of a session, as it goes to whoever serves the session. */
export interface MessageCommand {
  readonly op: "message";
  readonly digest: string;
  readonly message: Exclude<Message, { kind: "handshake" | "connect" | "refused" }>;
}

/** A connect that is not held, on its way to an event stream at another node. */
export interface ConnectCommand {
  readonly op: "connect";
  readonly digest: string;
  readonly message: ConnectMessage;
}

/** What the server asks of a connection. */
export interface ServerCommand {
  readonly op: "server";
  readonly command: unknown;
}

/** Milliseconds after which a connect is sent again that came to a node which goes down. */
const SOON = 200;
/** How often a session that moves away is brought back to its event stream. */
const STREAM_ATTEMPTS = 3;

type Standing = "current" | "superseded" | "unknown";
/** What a command answers when its sender may not (or no longer) speak for the connection. */
interface Refused {
  readonly refused: true;
}
const REFUSED: Refused = { refused: true };

export interface GatewayParts {
  readonly directory: Directory;
  readonly handshakes: Handshakes;
  readonly app: Application;
  readonly links: Links;
  readonly times: SessionTimes;
  readonly limits: MessageLimits;
  /** Characters of answers that a session may leave unread. */
  readonly maxUnread: number;
  readonly log: Log;
  /** Milliseconds before a client tries again while sessions cannot be looked up. */
  readonly pause: () => number;
  /** Ends a session that its client has ended. */
  readonly end: (session: Session, reason: string) => Promise<void>;
}

/** The gateway that sessions are behind: judges each message, finds its session, and has it done there. */
export class SessionGateway implements Gateway {
  readonly #parts: GatewayParts;
  /** Messages that came in since the start. */
  received = 0;
  /** Links that sessions are bound to. */
  links = 0;

  constructor(parts: GatewayParts) {
    this.#parts = parts;
    parts.directory.execute = (session, command) =>
      this.#execute(session, command as MessageCommand | ConnectCommand | ServerCommand);
  }

  receive(unit: readonly unknown[], link: Link): void {
    this.received += unit.length;
    if (unit.length === 1 && link.once) {
      const message = this.#parse(unit[0]);
      if (message.kind === "connect") {
        void this.#connect(message, link, false);
        return;
      }
      this.#dispatch(message, 0, new Exchange(link, this.#parts.links, 1), link, false);
      return;
    }
    const exchange = new Exchange(link, this.#parts.links, unit.length);
    const batched = unit.length > 1;
    for (let index = 0; index < unit.length; index += 1) {
      this.#dispatch(this.#parse(unit[index]), index, exchange, link, batched);
    }
  }

  /** A malformed message counts as much as any other, where it is known whose it is. */
  #parse(raw: unknown): Message {
    const message = parseMessage(raw, this.#parts.limits);
    if (message.kind !== "refused") return message;
    const credential = parseCredential((raw as { clientId?: unknown } | null)?.clientId);
    const session = credential && this.#parts.directory.local.get(credential.connection);
    if (session && standing(session, credential.digest) === "current") session.allowance.take();
    return message;
  }

  async stream(clientId: string, link: Link): Promise<boolean> {
    const credential = parseCredential(clientId);
    if (!credential) return false;
    try {
      // A poll at another node may have taken it away in the very moment in which it came.
      for (let attempt = 0; attempt < STREAM_ATTEMPTS; attempt += 1) {
        const session = await this.#parts.directory.acquire(credential.connection);
        if (session === GONE || standing(session, credential.digest) !== "current" || session.record.ended)
          return false;
        if (session.gone) continue;
        if (startsOver(session)) {
          // As to its connects; it would not send one for as long as a connect is held.
          const advice = handshakeAgain(0, this.#parts.times.timeout);
          const asked = { kind: "connect", id: undefined, clientId, connectionType: "eventsource" } as const;
          const again = { ...asked, timeout: null, ext: {} };
          link.send(JSON.stringify([failure(again, unknownClient(clientId), advice)]));
          link.close(1000, "");
          return true;
        }
        session.touch();
        this.#bind(session, link);
        session.carry(link);
        this.#forget(link);
        return true;
      }
      this.#parts.log.warn({}, "an event stream could not be opened: its session keeps moving");
    } catch (err) {
      this.#parts.log.warn({ err }, "an event stream could not be opened");
    }
    return false;
  }

  drained(link: Link): void {
    for (const session of sessionsOn(link)) session.wake();
  }

  alive(link: Link): void {
    for (const session of sessionsOn(link)) if (session.carriage.stream === link) session.touch();
  }

  closed(link: Link): void {
    boundOf(link).closed = true;
    this.#forget(link);
  }

  /** What is gone carries nothing. It may have gone while the session that it was to carry was on its way here. */
  #forget(link: Link): void {
    const bound = link.bound as Bound | undefined;
    if (!bound?.closed) return;
    this.#parts.links.forget(link);
    const { sessions } = bound;
    bound.sessions = [];
    if (sessions.length > 0) this.links -= 1;
    for (const session of sessions) session.unlink(link);
  }

  /** Whether no living session is carried by this link. */
  idle(link: Link): boolean {
    for (const session of sessionsOn(link)) {
      if (!session.gone && session.endedAt === null && session.carriage.stream === link) return false;
    }
    return true;
  }

  #bind(session: Session, link: Link): void {
    const bound = boundOf(link);
    const { sessions } = bound;
    if (sessions.includes(session)) return;
    const gone = sessions.findIndex((other) => other.gone);
    if (gone >= 0) sessions[gone] = session;
    else if (sessions.length > 0) sessions.push(session);
    else {
      this.links += 1;
      // A list that grows has room for seventeen.
      bound.sessions = [session];
    }
  }

  #dispatch(message: Message, index: number, exchange: Exchange, link: Link, batched: boolean): void {
    switch (message.kind) {
      case "refused":
        exchange.settle(index, { reply: message.reply });
        return;
      case "handshake":
        void this.#parts.handshakes
          .answer(message, link.requester)
          .then((reply) => exchange.settle(index, { reply }));
        return;
      case "connect":
        void this.#connect(message, exchange.slot(index), batched);
        return;
      default:
        this.#perform(message, link, exchange, index);
    }
  }

  /** Subscribe, unsubscribe, publish, disconnect: done by whoever serves the session. */
  #perform(message: MessageCommand["message"], link: Link, exchange: Exchange, index: number): void {
    const credential = credentialOn(link, message.clientId);
    if (!credential) {
      exchange.settle(index, { reply: refusal(message) });
      return;
    }
    const { directory } = this.#parts;
    // After a lost socket Faye re-opens on the next publish but connects seconds later: deliver there meanwhile.
    const local = directory.local.get(credential.connection);
    if (
      local &&
      !link.once &&
      !local.carriage.carried &&
      standing(local, credential.digest) === "current" &&
      !local.ours
    ) {
      this.#bind(local, link);
      local.carry(link);
    }
    const command: MessageCommand = { op: "message", digest: credential.digest, message };
    const result = rescue<Result | Refused | typeof GONE>(
      () => directory.command(credential.connection, command) as Awaitable<Result | Refused | typeof GONE>,
      (failed) => ({ reply: this.#failure(message, failed) }),
    );
    void then(result, (done) =>
      exchange.settle(index, done === GONE || "refused" in done ? { reply: refusal(message) } : done),
    );
  }

  #failure(message: MessageCommand["message"], failed: unknown): Reply {
    if (failed instanceof EngineFailure) {
      if (failed.outcome === "unknown") return failure(message, outcomeUnknown());
      const reply = failure(message, unavailable());
      // Ours asks again where it goes on; to others it is an answer like any other.
      const elsewhere = this.#parts.directory.closed || failed instanceof Unheard;
      return elsewhere ? { ...reply, ext: { actionwire: { stopping: true } } } : reply;
    }
    this.#parts.log.error({ err: failed }, "a message could not be handled");
    return failure(message, internal());
  }

  /** Runs where the session is served, in its turn. */
  #execute(session: Session, command: MessageCommand | ConnectCommand | ServerCommand): Awaitable<unknown> {
    if (command.op === "server") return this.#parts.app.command(session, command.command);
    if (command.op === "connect") return this.#attend(session, command);
    const { message } = command;
    if (standing(session, command.digest) !== "current") return REFUSED;
    if (session.record.ended) {
      // A repeated disconnect is answered again (case 124).
      if (message.kind === "disconnect") return { reply: disconnectReply(message) } satisfies Result;
      return REFUSED;
    }
    if (session.lapsed && message.kind !== "disconnect") return REFUSED;
    session.touch();
    if (!session.allowance.take()) return { reply: failure(message, rateLimited()) } satisfies Result;
    if (message.kind === "publish" && session.unread > this.#parts.maxUnread)
      return { reply: failure(message, unread()) } satisfies Result;
    return then(this.#confirm(session), () => this.#do(session, message));
  }

  #do(session: Session, message: MessageCommand["message"]): Awaitable<Result> {
    const { app } = this.#parts;
    switch (message.kind) {
      case "publish":
        return app.publish(session, message);
      case "subscribe":
        return app.subscribe(session, message);
      case "unsubscribe":
        return app.unsubscribe(session, message);
      case "disconnect":
        return this.#parts.end(session, "disconnected").then(() => ({ reply: disconnectReply(message) }));
    }
  }

  /** Null: whoever asked is to serve the session himself. */
  async #attend(session: Session, { digest, message }: ConnectCommand): Promise<Reply | null> {
    if (standing(session, digest) !== "current" || session.record.ended) return null;
    if (startsOver(session)) return null;
    if ((message.connectionType !== "eventsource" && session.carriage.events === null) || session.acks)
      return null;
    await this.#confirm(session);
    return session.attend(message);
  }

  /** The new session has shown that it got its reply: the token it resumed with is used up. */
  #confirm(session: Session): Awaitable<void> {
    const { resume } = session.record;
    if (resume.previous === null) return;
    resume.previous = null;
    return session.keeper.write("resume");
  }

  /** A connect claims the session for this node, which carries it from now on. Never throws or rejects. */
  #connect(message: ConnectMessage, link: Link, batched: boolean): Awaitable<void> {
    const { directory, log, times, pause } = this.#parts;
    const credential = credentialOn(link, message.clientId);
    if (!credential) return this.#refuse(message, link, "unknown");
    // Beside an event stream connects carry nothing: the node that has the stream keeps the session.
    const passing =
      link.once && (batched || message.timeout === 0 || message.connectionType === "eventsource");
    return rescue(
      () =>
        passing && !directory.local.has(credential.connection)
          ? this.#pass(message, credential, link, batched)
          : this.#hold(message, credential, link, batched),
      (failed) => {
        if (!(failed instanceof EngineFailure)) log.error({ err: failed }, "a connect could not be handled");
        // A node that goes down is gone in a moment, and another one is asked.
        const interval = directory.closed ? SOON : pause();
        this.#answer(link, failure(message, unavailable(), retry(times.timeout, interval, times.grace)));
      },
    );
  }

  /** Has it answered by who serves the session, if that is meant; or else it is held here. */
  async #pass(message: ConnectMessage, credential: Credential, link: Link, batched: boolean): Promise<void> {
    const command: ConnectCommand = { op: "connect", digest: credential.digest, message };
    const reply = await this.#parts.directory.command(credential.connection, command);
    if (reply !== GONE && reply !== null) this.#answer(link, reply as Reply);
    else await this.#hold(message, credential, link, batched);
  }

  #hold(
    message: ConnectMessage,
    { connection, digest }: Credential,
    link: Link,
    batched: boolean,
  ): Awaitable<void> {
    return then(this.#parts.directory.acquire(connection), (session) => {
      if (session === GONE) return this.#refuse(message, link, "unknown");
      return session.mailbox.run(() => {
        const who = standing(session, digest);
        if (session.gone) return this.#answer(link, this.#later(message));
        if (who !== "current") return this.#refuse(message, link, who);
        if (startsOver(session) && !session.record.ended) return this.#refuse(message, link, "unknown");
        return then(this.#confirm(session), () => this.#carry(session, message, link, batched));
      });
    });
  }

  #carry(session: Session, message: ConnectMessage, link: Link, batched: boolean): void {
    // A part of a response is answered at once, and is never told to have gone.
    if (!link.once || !batched) this.#bind(session, link);
    const { ended } = session.record;
    if (!ended) session.connect(message, link, batched);
    // To a session that ended without a word, or was told, there is nothing more to say (cases 59, 120).
    else if (ended.reconnect === "handshake" && !session.outbox.waiting)
      this.#refuse(message, link, "unknown");
    else session.tellEnd(message, link, ended.reconnect);
    this.#forget(link);
  }

  #answer(link: Link, reply: Reply): void {
    const text = JSON.stringify(reply);
    if (link.once) link.send(`[${text}]`);
    else this.#parts.links.push(link, [text]);
  }

  #refuse(message: ConnectMessage, link: Link, who: Exclude<Standing, "current">): void {
    const { times } = this.#parts;
    // On a socket that carries a newer session of this client, starting over would tear that one down (case 82).
    const newer = sessionsOn(link).some(
      (session) => !session.gone && session.endedAt === null && session.carriage.stream === link,
    );
    const advice =
      who === "superseded"
        ? none(times.timeout)
        : newer
          ? retry(times.timeout, 5000, times.grace)
          : handshakeAgain(0, times.timeout);
    this.#answer(link, failure(message, unknownClient(message.clientId), advice));
  }

  #later(message: ConnectMessage): Reply {
    const { times } = this.#parts;
    return failure(message, unavailable(), retry(times.timeout, 1000, times.grace));
  }
}

/** What is bound to a link. */
interface Bound {
  sessions: Session[];
  /** Nothing goes over it any more. */
  closed: boolean;
  /** The last clientId that came over it, and what it proves. */
  clientId: unknown;
  credential: Credential | null;
}

const sessionsOn = (link: Link): readonly Session[] => (link.bound as Bound | undefined)?.sessions ?? [];

function boundOf(link: Link): Bound {
  link.bound ??= { sessions: [], closed: false, clientId: null, credential: null } satisfies Bound;
  return link.bound as Bound;
}

/** The same text comes with each message of a socket, and taking it apart costs a digest. */
function credentialOn(link: Link, clientId: unknown): Credential | null {
  const bound = link.bound as Bound | undefined;
  if (bound === undefined) return parseCredential(clientId);
  if (bound.credential === null || bound.clientId !== clientId) {
    bound.credential = parseCredential(clientId);
    bound.clientId = clientId;
  }
  return bound.credential;
}

/**
 * Whether its client has to come back with another handshake: answers may have been lost with its former owner, and ours asks
 * again when it resumes; or its credential has ended.
 */
function startsOver(session: Session): boolean {
  return (session.ours && session.bereft) || session.lapsed;
}

/** Whether the bearer of this secret may act for the connection. */
function standing(session: Session, digest: Credential["digest"]): Standing {
  const { current, superseded } = session.record.session;
  if (digest === current) return "current";
  return superseded.includes(digest) ? "superseded" : "unknown";
}

function refusal(message: MessageCommand["message"]): Reply {
  return failure(message, unknownClient(message.clientId));
}
