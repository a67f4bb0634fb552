import type { Api, Connection } from "./api.ts";
import type { Json } from "./ports.ts";

type MaybePromise<T> = T | Promise<T>;

export interface AuthenticateRequest {
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly cookies: Readonly<Record<string, string | undefined>>;
  /** `ext` of the handshake, as the client sent it; our client puts its `token` there. */
  readonly ext: Readonly<Record<string, unknown>>;
  readonly remoteIP: string;
}

export type RoomVerb = "join" | "listen" | "say" | "view";

export interface ChannelRequest {
  readonly session: { readonly identity: Json; readonly connectionId: string | null };
  readonly channel: string;
  readonly operation: "subscribe" | "publish";
}

/** Where an application takes part. Each may be async. A throw refuses; only a {@link Refusal}'s text reaches the client. */
export interface Hooks {
  /** Who is this? Returns the identity (any JSON), or null for anonymous. */
  authenticate?(request: AuthenticateRequest): MaybePromise<Json>;
  /** Anything but `true` refuses. */
  authorizeRoom?(request: { connection: Connection; room: string; verb: RoomVerb }): MaybePromise<unknown>;
  /** Decides about plain channels (and wildcards); without it clients may subscribe to plain ones and publish on none. */
  authorizeChannel?(request: ChannelRequest): MaybePromise<unknown>;
  onConnect?(connection: Connection, api: Api): MaybePromise<void>;
  onDisconnect?(connection: Connection, api: Api): MaybePromise<void>;
  /** Before each action; a throw (also an ActionError) ends it. */
  beforeAction?(call: {
    action: string;
    params: unknown;
    connection: Connection;
    api: Api;
  }): MaybePromise<void>;
  /** After each action that succeeded; may replace the response by returning one. */
  afterAction?(call: {
    action: string;
    params: unknown;
    response: Record<string, unknown>;
    connection: Connection;
    api: Api;
  }): MaybePromise<Record<string, unknown> | undefined>;
}

/** Thrown by a hook: refuses, and tells the client why. */
export class Refusal extends Error {
  override readonly name = "Refusal";
}

/** Identity function that gives a `hooks.ts` file its types. */
export const defineHooks = (hooks: Hooks): Hooks => hooks;
