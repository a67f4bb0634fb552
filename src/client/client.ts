import type { ClientError } from "./errors.ts";
import { type Events, guarded, handlerFor } from "./events.ts";
import { type ClientOptions, settle } from "./options.ts";
import { type Kind, kindOfRaw } from "./request.ts";
import { Session, type State } from "./session.ts";
import type { Message } from "./wire.ts";

/** `error` is null on success. The response is the whole reply, and is there for a refusal too, if there was one. */
export type Callback<Reply = Message> = (error: ClientError | null, response?: Reply) => void;

/** Without a callback: the reply, or the error thrown. Ignoring the promise is fine. */
export type Answer<Reply = Message> = Promise<Reply>;

/** Actions by name. The server's `ActionTypes<typeof actions>` is one; without it anything goes. */
export interface ActionMap {
  readonly [name: string]: { readonly input: unknown; readonly output: unknown };
}

interface AnyActions {
  readonly [name: string]: { readonly input: Readonly<Record<string, unknown>>; readonly output: object };
}

/** An action's own response, among what every reply has. */
export type ReplyOf<Output> = Message & (Output extends object ? Output : unknown);

/**
 * The client. Everything it does is on the prototype, as in the manual: an application may wrap what it likes.
 */
export class ActionHeroWebSocket<Actions extends ActionMap = AnyActions> {
  /** May be replaced as a whole at any time. */
  events: Events = {};
  /** Not for use from outside. */
  private readonly session: Session;

  constructor(options: ClientOptions = {}) {
    const fire = (name: keyof Events, value: unknown) => {
      const handler = this.events?.[name] as ((value: unknown) => unknown) | undefined;
      if (typeof handler === "function") guarded(() => handler.call(this.events, value));
    };
    this.session = new Session(settle(options), {
      connect: (details) => fire("connect", details),
      disconnect: (info) => fire("disconnect", info),
      reconnect: (info) => fire("reconnect", info),
      message: (message) => fire(handlerFor(message, this.events ?? {}), message),
    });
    // `console.log(A)` should show the client and not its engine room.
    Object.defineProperty(this, "session", { enumerable: false });
  }

  get state(): State {
    return this.session.state;
  }

  /** The connection's public id; null while there is none. */
  get id(): string | null {
    return this.session.id;
  }

  /** The room the connection speaks in. */
  get room(): string | null {
    return this.session.room;
  }

  /** What carries the connection now: `websocket`, `long-polling`, … */
  get transport(): string | null {
    return this.session.transport;
  }

  log(message: unknown): void {
    if (typeof message === "string") console.log(`[actionHeroWebSocket] ${message}`);
    else console.log("[actionHeroWebSocket]", message);
  }

  connect(callback?: Callback): Answer {
    const outcome = this.session.connect();
    if (callback) {
      outcome.then(
        (details) => guarded(() => callback(null, details)),
        (error: ClientError) => guarded(() => callback(error)),
      );
    }
    return outcome;
  }

  /** Ends the connection, on the server too. What was under way fails with `outcome_unknown`, what waited with `disconnected`. */
  disconnect(): Promise<void> {
    return this.session.disconnect();
  }

  /** A raw message. What can be repeated without harm is repeated after an interruption; anything else is not. */
  send(message: Readonly<Record<string, unknown>>, callback?: Callback): Answer {
    return ask(this.session, kindOfRaw(message.event), message, callback);
  }

  action<Name extends keyof Actions & string>(
    action: Name,
    callback?: Callback<ReplyOf<Actions[Name]["output"]>>,
  ): Answer<ReplyOf<Actions[Name]["output"]>>;
  action<Name extends keyof Actions & string>(
    action: Name,
    params: Actions[Name]["input"] | null | undefined,
    callback?: Callback<ReplyOf<Actions[Name]["output"]>>,
  ): Answer<ReplyOf<Actions[Name]["output"]>>;
  action(action: string, params?: unknown, callback?: unknown): Answer<never> {
    const given = typeof params === "function" ? {} : params;
    const done = (typeof params === "function" ? params : callback) as Callback | undefined;
    const data = { event: "action", params: { ...(given as object | null), action } };
    // What the action answers is the server's promise, not ours: it is not looked at here.
    return ask(this.session, "action", data, done) as Answer<never>;
  }

  say(message: string, callback?: Callback): Answer {
    return ask(this.session, "say", { event: "say", message }, callback);
  }

  detailsView(callback?: Callback): Answer {
    return ask(this.session, "read", { event: "detailsView" }, callback);
  }

  /** `options.after` continues a list of members that was too long for one reply. */
  roomView(callback?: Callback): Answer;
  roomView(options: Readonly<Record<string, unknown>>, callback?: Callback): Answer;
  roomView(options?: Readonly<Record<string, unknown>> | Callback, callback?: Callback): Answer {
    const given = typeof options === "function" ? {} : (options ?? {});
    const done = typeof options === "function" ? (options as Callback) : callback;
    return ask(this.session, "read", { ...given, event: "roomView" }, done);
  }

  documentation(callback?: Callback): Answer {
    return ask(this.session, "read", { event: "documentation" }, callback);
  }

  roomChange(room: string, callback?: Callback): Answer {
    return ask(this.session, "verb", { event: "roomChange", room }, callback);
  }

  listenToRoom(room: string, callback?: Callback): Answer {
    return ask(this.session, "verb", { event: "listenToRoom", room }, callback);
  }

  silenceRoom(room: string, callback?: Callback): Answer {
    return ask(this.session, "verb", { event: "silenceRoom", room }, callback);
  }
}

function ask(
  session: Session,
  kind: Kind,
  data: Readonly<Record<string, unknown>>,
  callback: Callback | undefined,
): Answer {
  const answer = new Promise<Message>((resolve, reject) => {
    session.ask(kind, data, (error, reply) => {
      if (callback) guarded(() => callback(error, reply));
      if (error) reject(error);
      else resolve(reply ?? {});
    });
  });
  // Whoever ignores the promise must not have his process ended by it.
  answer.catch(() => {});
  return answer;
}
