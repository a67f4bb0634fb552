import type { Asked, FakeSocket, Fields, Link, Own, Reached, Wire } from "./network.ts";

interface Topic {
  epoch: string;
  entries: { offset: number; from: string; message: string; room: string }[];
}

class Connection {
  readonly id: string;
  tokens: string[] = [];
  room = "defaultRoom";
  readonly joinedAt = new Map<string, number>();
  readonly listening = new Set<string>();
  verb = 0;
  readonly verbReplies = new Map<number, { fields: Fields; ext: Fields }>();
  readonly says = new Map<string, string[]>();
  messageCount = 0;
  welcomed = false;
  session: Session | null = null;
  constructor(id: string) {
    this.id = id;
  }
}

class Session {
  readonly clientId: string;
  readonly connection: Connection;
  socket: Link | null = null;
  held: { message: Wire; link: Link } | null = null;
  cursors = new Map<string, number>();
  presented = false;
  outbox: Wire[] = [];
  constructor(clientId: string, connection: Connection) {
    this.clientId = clientId;
    this.connection = connection;
  }
}

/**
 * A small scripted server of the protocol in docs/protocol.md, in memory, under the real Faye client: only Faye's two
 * ways to the network are replaced.
 */
export class MemoryServer implements Reached {
  down = false;
  noSockets = false;
  swallowUpgrades = false;
  blackHole = false;
  timeout = 25_000;
  /** What the handshake says of the largest message; and what of a frame cuts the socket. */
  limits: { message?: number } | undefined;
  breaking: (message: Wire) => boolean = () => false;
  readonly sockets = new Set<FakeSocket>();
  readonly topics = new Map<string, Topic>();
  readonly connections = new Map<string, Connection>();
  readonly sessions = new Map<string, Session>();
  /** Everything that came in, and how many sockets were opened. */
  readonly log: Wire[] = [];
  opened = 0;
  /** Says that were stored: what members would hear. */
  readonly heard: { from: string; room: string; message: string }[] = [];
  readonly actions: Asked[] = [];
  /** Return true to swallow a message before it is handled; or an array of replies in its place. */
  before: (message: Wire) => boolean | Wire[] = () => false;
  /** Return true to lose what goes out. */
  loseReply: (message: Wire) => boolean = () => false;
  /** How the reply to a handshake leaves. */
  handshakes: (reply: Wire, send: (reply: Wire) => void) => void = (reply, send) => send(reply);
  private ids = 0;

  cut(): void {
    for (const socket of [...this.sockets]) socket.shut("close");
  }

  /** All state gone, as after a restart without a store. */
  forget(): void {
    this.sessions.clear();
    this.connections.clear();
    this.topics.clear();
  }

  topic(room: string): Topic {
    let topic = this.topics.get(room);
    if (!topic) {
      this.ids += 1;
      topic = { epoch: `e${this.ids}`, entries: [] };
      this.topics.set(room, topic);
    }
    return topic;
  }

  position(room: string, offset = this.topic(room).entries.length): string {
    return `${this.topic(room).epoch}.${offset}.${offset}`;
  }

  /** Somebody else says something. */
  hear(room: string, message: string, from = "somebody"): void {
    const topic = this.topic(room);
    topic.entries.push({ offset: topic.entries.length + 1, from, message, room });
    for (const session of this.sessions.values()) this.flush(session);
  }

  /** A message on the line of a connection. */
  tell(connection: Connection, data: Fields, ext?: Fields): void {
    const { session } = connection;
    if (!session) return;
    session.outbox.push({ channel: "/actionwire", data, ...(ext ? { ext: { actionwire: ext } } : {}) });
    this.flush(session);
  }

  only(): Connection {
    const all = [...this.connections.values()];
    return all[all.length - 1]!;
  }

  arrive(messages: Wire[], link: Link): void {
    if (this.blackHole) return;
    if (messages.some((message) => this.breaking(message))) {
      this.cut();
      return;
    }
    const replies: Wire[] = [];
    const send = (reply: Wire) => {
      if (this.loseReply(reply)) return;
      if (link.kind === "websocket") link.send([reply]);
      else replies.push(reply);
    };
    let holds = false;
    for (const message of messages) {
      this.log.push(message);
      const before = this.before(message);
      if (before === true) continue;
      if (before) before.forEach(send);
      else holds = this.handle(message, link, send, messages.length === 1) || holds;
    }
    const session = this.sessions.get(messages[0]?.clientId ?? "");
    if (link.kind === "long-polling" && !holds && replies.length > 0) link.send(replies);
    if (session) this.flush(session);
  }

  private handle(message: Wire, link: Link, send: (reply: Wire) => void, alone: boolean): boolean {
    const { channel, id } = message;
    const base = { channel, id: id!, successful: true };
    if (channel === "/meta/handshake") {
      const reply = this.handshake(message, base);
      this.handshakes(reply, link.kind === "websocket" ? send : (late) => link.send([late]));
      return false;
    }
    const session = this.sessions.get(message.clientId ?? "");
    if (!session || session.connection.session !== session) {
      const superseded = session !== undefined;
      const advice = { reconnect: superseded ? "none" : "handshake", interval: 0 };
      const meta = channel.startsWith("/meta/");
      send({ ...base, successful: false, error: "401::Unknown client", ...(meta ? { advice } : {}) });
      return false;
    }
    const { connection } = session;
    if (channel === "/meta/connect") return this.connect(message, base, session, link, send, alone);
    if (channel === "/meta/subscribe") {
      send({ ...base, subscription: message.subscription! });
      if (!connection.welcomed) this.welcome(connection);
      return false;
    }
    if (channel === "/meta/disconnect") {
      this.connections.delete(connection.id);
      this.sessions.delete(session.clientId);
      send(base);
      return false;
    }
    if (session.socket === null && link.kind === "websocket") session.socket = link;
    send(base);
    this.publish(message, connection);
    return false;
  }

  private handshake(message: Wire, base: Wire): Wire {
    const resume = message.ext?.actionwire?.resume;
    let connection = [...this.connections.values()].find(
      (c) => resume && c.tokens.includes(String(resume.token)),
    );
    const resumed = connection !== undefined;
    this.ids += 1;
    if (!connection) {
      connection = new Connection(`id-${this.ids}`);
      this.connections.set(connection.id, connection);
      connection.joinedAt.set("defaultRoom", this.topic("defaultRoom").entries.length);
    }
    connection.tokens = [...connection.tokens.slice(-1), `token-${this.ids}`];
    const session = new Session(`client-${this.ids}`, connection);
    const old = connection.session;
    if (old) session.outbox = old.outbox;
    connection.session = session;
    this.sessions.set(session.clientId, session);
    const state = resumed
      ? {
          room: connection.room,
          topic: connection.room,
          last: connection.says.get(connection.room)?.length ?? 0,
          position: this.position(connection.room),
          listeningRooms: [...connection.listening],
          verb: connection.verb,
        }
      : {};
    return {
      ...base,
      clientId: session.clientId,
      supportedConnectionTypes: ["websocket", "long-polling", "callback-polling"],
      advice: { reconnect: "retry", interval: 0, timeout: this.timeout },
      ext: {
        actionwire: {
          connectionId: connection.id,
          resume: { token: `token-${this.ids}`, resumed, grace: 120, ...state },
          ...(this.limits ? { limits: this.limits } : {}),
        },
      },
    };
  }

  private connect(
    message: Wire,
    base: Wire,
    session: Session,
    link: Link,
    send: (reply: Wire) => void,
    alone: boolean,
  ): boolean {
    const positions: Record<string, string> = message.ext?.actionwire?.positions ?? {};
    const fresh = !session.presented || session.socket !== link || link.kind === "long-polling";
    if (fresh) {
      session.presented = true;
      session.cursors.clear();
      for (const [room, at] of session.connection.joinedAt) {
        const [epoch, offset] = (positions[room] ?? "").split(".");
        const from = epoch === this.topic(room).epoch ? Number(offset) : 0;
        session.cursors.set(room, Math.max(at, from));
      }
    }
    if (link.kind === "websocket") session.socket = link;
    const reply = { ...base, advice: { reconnect: "retry", interval: 0, timeout: this.timeout } };
    if (message.advice?.timeout === 0 || !alone) {
      send(reply);
      return false;
    }
    if (link.kind === "websocket") setTimeout(() => send(reply), this.timeout);
    else {
      session.held = { message, link };
      setTimeout(() => {
        if (session.held?.message !== message) return;
        session.held = null;
        link.send([reply]);
      }, this.timeout);
    }
    return true;
  }

  private welcome(connection: Connection): void {
    connection.welcomed = true;
    this.tell(
      connection,
      { context: "api", welcome: "Hello!", room: connection.room },
      { joined: this.joined(connection, connection.room) },
    );
  }

  private joined(connection: Connection, room: string): Fields {
    const last = connection.says.get(room)?.length ?? 0;
    return { topic: room, position: this.position(room), last, room };
  }

  private publish(message: Wire, connection: Connection): void {
    const data = message.data ?? {};
    const own = message.ext?.actionwire ?? {};
    connection.messageCount += 1;
    const reply = ({ fields, ext }: Answer) => {
      const { messageCount } = connection;
      this.tell(connection, { context: "response", messageCount, messageId: data.messageId, ...fields }, ext);
    };
    switch (data.event) {
      case "say":
        reply(this.say(data.message ?? "", own, connection));
        break;
      case "roomChange":
      case "listenToRoom":
      case "silenceRoom":
        reply(this.verb(data, own.n ?? 0, connection));
        break;
      case "action":
        this.actions.push(data);
        if (data.params?.action === "fail") reply(refused("it failed", "my_code", { details: { why: 1 } }));
        else reply({ fields: { did: data.params?.action } });
        break;
      case "quit":
        this.tell(connection, { context: "api", status: "Bye!", reason: "quit requested" });
        break;
      default: {
        const { id, room, listening } = connection;
        reply({ fields: { status: "OK", data: { id, room, listeningRooms: [...listening] } } });
      }
    }
  }

  private say(message: string, own: Own, connection: Connection): Answer {
    if (own.room === undefined || own.room !== connection.room) return refused("wrong room", "wrong_room");
    const stored = connection.says.get(own.room) ?? [];
    connection.says.set(own.room, stored);
    const n = own.n ?? 0;
    if (n > stored.length + 1) return refused("earlier", "earlier_missing", { last: stored.length });
    if (n === stored.length + 1) {
      if (message === "refuse me") return refused("no", "not_allowed");
      stored.push(message);
      this.heard.push({ from: connection.id, room: own.room, message });
      this.hear(own.room, message, connection.id);
    }
    return { fields: { status: "OK", data: true } };
  }

  private verb(data: Asked, n: number, connection: Connection): Answer {
    if (n > connection.verb + 1) return refused("earlier", "earlier_missing", { last: connection.verb });
    const known = connection.verbReplies.get(n);
    if (known) return known;
    const { room = "" } = data;
    if (room === "forbidden") return refused("not authorized", "not_authorized");
    connection.verb = n;
    const ext: Fields = {};
    if (data.event === "silenceRoom") {
      connection.listening.delete(room);
      connection.joinedAt.delete(room);
      ext.left = room;
    } else {
      if (data.event === "roomChange") {
        ext.left = connection.room;
        connection.joinedAt.delete(connection.room);
        connection.room = room;
      } else connection.listening.add(room);
      const head = this.topic(room).entries.length;
      connection.joinedAt.set(room, head);
      connection.session?.cursors.set(room, head);
      ext.joined = this.joined(connection, room);
    }
    const answer = { fields: { status: "OK", data: true }, ext };
    connection.verbReplies.set(n, answer);
    return answer;
  }

  flush(session: Session): void {
    if (!session.presented || session.connection.session !== session) return;
    if (!session.socket && !session.held) return;
    const out = session.outbox.filter((message) => !this.loseReply(message));
    session.outbox = [];
    for (const [room, at] of session.connection.joinedAt) {
      const from = session.cursors.get(room) ?? at;
      for (const entry of this.topic(room).entries.slice(from)) {
        session.cursors.set(room, entry.offset);
        if (entry.from === session.connection.id) continue;
        const data = { context: "user", from: entry.from, room, message: entry.message, sentAt: 1 };
        const ext = { actionwire: { topic: room, position: this.position(room, entry.offset) } };
        out.push({ channel: "/actionwire", data, ext });
      }
    }
    if (out.length === 0) return;
    const { held } = session;
    if (session.socket) session.socket.send(out);
    else if (held) {
      session.held = null;
      const advice = { reconnect: "retry", interval: 0, timeout: this.timeout };
      held.link.send([...out, { channel: "/meta/connect", id: held.message.id!, successful: true, advice }]);
    }
  }
}

interface Answer {
  readonly fields: Fields;
  readonly ext?: Fields;
}

function refused(error: string, code: string, more: Fields = {}): Answer {
  return { fields: { status: error, error, code, ...more } };
}
