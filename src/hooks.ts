import type { Api, Connection } from "./api.ts";
import { nearest } from "./config/nearest.ts";
import { throughJson } from "./json.ts";
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
  /**
   * Who is this? Returns the identity (what JSON makes of it), or null for anonymous; `expiring(identity, at)` for a credential that
   * ends. Asked at each handshake and for each action over HTTP.
   */
  authenticate?(request: AuthenticateRequest): MaybePromise<Json | Expiring>;
  /** Anything but `true` refuses. Also asked (`join`) about the room that a new connection begins in; refused, it begins in none. */
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

const hookNames = [
  "authenticate",
  "authorizeRoom",
  "authorizeChannel",
  "onConnect",
  "onDisconnect",
  "beforeAction",
  "afterAction",
] as const satisfies readonly (keyof Hooks)[];

/** An identity for as long as the credential holds that it was read from. */
export class Expiring {
  readonly identity: Json;
  /** Milliseconds since 1970. */
  readonly at: number;

  /** @throws {RangeError} when `at` is not a time */
  constructor(identity: Json, at: number) {
    if (!Number.isFinite(at)) throw new RangeError("expiring: a time in milliseconds since 1970 is needed");
    this.identity = identity;
    this.at = at;
  }
}

/**
 * What `authenticate` returns of a credential that ends `at` (milliseconds since 1970; of a JWT `exp * 1000`). From then on nothing
 * is delivered to the connection and nothing done for it, until its client has come back with another one.
 */
export const expiring = (identity: Json, at: number): Expiring => new Expiring(identity, at);

/** Thrown by a hook: refuses, and tells the client why. */
export class Refusal extends Error {
  override readonly name = "Refusal";
}

/** Who somebody is, and until when. `expiresAt`: milliseconds since 1970; left out: for ever. */
export interface Who {
  readonly identity: Json;
  readonly expiresAt?: number;
}

/**
 * Asks the application who this is; anonymous without a hook. `now`: milliseconds since 1970.
 *
 * @throws {Refusal} when the credential has ended already
 * @throws {TypeError} when the hook returns what JSON cannot carry
 * @throws whatever the hook throws
 */
export async function authenticated(
  hooks: Pick<Hooks, "authenticate">,
  request: AuthenticateRequest,
  now: number,
): Promise<Who> {
  const said = (await hooks.authenticate?.(request)) ?? null;
  if (!(said instanceof Expiring)) return { identity: identityOf(said) };
  if (said.at <= now) throw new Refusal("the credential has expired");
  return { identity: identityOf(said.identity), expiresAt: said.at };
}

/** As every node has it: what the store gives back is compared with what the hook says the next time. */
const identityOf = (said: unknown): Json => throughJson(said, "the identity");

/** Why an object is no {@link Hooks}; null when it is. */
export const hooksProblem = (hooks: object): string | null => {
  for (const [name, hook] of Object.entries(hooks)) {
    if (!hookNames.some((known) => known === name)) {
      const meant = nearest(name, hookNames);
      const advice = meant ? `did you mean "${meant}"?` : `there are ${hookNames.join(", ")}`;
      return `"${name}", which is no hook; ${advice}`;
    }
    if (hook !== undefined && typeof hook !== "function")
      return `"${name}", which must be a function, got a ${typeof hook}`;
  }
  return null;
};

/** Identity function that gives a `hooks.ts` file its types. */
export const defineHooks = (hooks: Hooks): Hooks => hooks;
