import type { ConnectionOptions } from "node:tls";
import type { RedisOptions } from "ioredis";
import type { Clock, Log, Random } from "../../ports.ts";
import type { TopicBounds } from "../contract.ts";

/** What both connections of a node are opened with. */
export type Connection = RedisOptions & { readonly replyMapping: "legacy" };

/** Where Redis is. What is given beside `url` counts more than what the URL says. */
export interface RedisAddress {
  /**
   * `redis://` or `rediss://` (TLS), with user, password and number of the database as usual; or
   * `redis+sentinel://host:port,host:port/name/db`, the last two parts as needed.
   */
  readonly url?: string;
  /** Default: 127.0.0.1. */
  readonly host?: string;
  /** Default: 6379. */
  readonly port?: number;
  /** ACL user; default: Redis' own default user. */
  readonly username?: string;
  readonly password?: string;
  /** Number of the database. Default: 0. */
  readonly db?: number;
  /** `true`, or what `tls.connect` takes. */
  readonly tls?: boolean | ConnectionOptions;
  /** Sentinels that know the master, instead of `host` and `port`. */
  readonly sentinels?: readonly { readonly host: string; readonly port: number }[];
  /** Name of the master that the Sentinels watch. Default: `mymaster`. */
  readonly sentinelName?: string;
}

export interface RedisEngineOptions extends RedisAddress {
  /** First part of every key; nodes of one cluster share it. 1 to 64 letters, digits, `_`, `.` or `-`. Default: `actionwire`. */
  readonly namespace?: string;
  /** Default: 1,000 messages, 8 MiB, five minutes. */
  readonly bounds?: Partial<TopicBounds>;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Milliseconds to wait for an answer before an operation fails. Default: 2,000. */
  readonly commandTimeout?: number;
  /** Milliseconds that `start` waits for Redis before it goes on without. Default: 5,000. */
  readonly startTimeout?: number;
}

export const DEFAULT_NAMESPACE = "actionwire";
export const DEFAULT_START_TIMEOUT = 5_000;

const DEFAULT_COMMAND_TIMEOUT = 2_000;
const CONNECT_TIMEOUT = 5_000;
/** Of the pauses between two attempts to connect; each is random between a half and the whole of what it could be. */
const SHORTEST_PAUSE = 50;
const LONGEST_PAUSE = 2_000;
/** When none of the Sentinels could be asked. Milliseconds. */
const SENTINELS_PAUSE = 500;

/** @throws {Error} for an address that cannot be one; never repeats a URL, there may be a password in it */
export function connectionOptions(options: RedisEngineOptions): Connection {
  const address = { ...fromUrl(options.url), ...given(options) };
  const { username, password, db, tls } = address;
  return {
    ...place(address),
    ...(username && { username }),
    ...(password && { password }),
    db: db ?? 0,
    ...(tls && { tls: tls === true ? {} : tls }),
    commandTimeout: options.commandTimeout ?? DEFAULT_COMMAND_TIMEOUT,
    connectTimeout: CONNECT_TIMEOUT,
    lazyConnect: true,
    // Refused at once where it cannot be sent at once, and never sent a second time: only so does a failure tell what it means.
    enableOfflineQueue: false,
    autoResendUnfulfilledCommands: false,
    maxRetriesPerRequest: 0,
    // Ours, since the end of it must be known.
    autoResubscribe: false,
    enableReadyCheck: true,
    maxLoadingRetryTime: 1_000,
    disableClientInfo: true,
    replyMapping: "legacy",
    // A demoted master stays reachable and writable no more: its successor is behind a new connection.
    reconnectOnError: (error) => error.message.startsWith("READONLY"),
    retryStrategy: (attempt) => {
      const pause = Math.min(SHORTEST_PAUSE * 2 ** Math.min(attempt - 1, 10), LONGEST_PAUSE);
      return Math.ceil(pause * (0.5 + options.random.fraction() / 2));
    },
  };
}

/** Where it is, for people; no secrets. */
export function addressText({ sentinels, name, host, port }: Connection): string {
  if (!sentinels) return `${host}:${port}`;
  return `${name} of the Sentinels ${sentinels.map((sentinel) => `${sentinel.host}:${sentinel.port}`).join(", ")}`;
}

function place({ host, port, sentinels, sentinelName, tls }: Address): RedisOptions {
  if (!sentinels?.length) return { host: host ?? "127.0.0.1", port: port ?? 6379 };
  return {
    sentinels: sentinels.map((sentinel) => ({ ...sentinel })),
    name: sentinelName ?? "mymaster",
    enableTLSForSentinelMode: Boolean(tls),
    sentinelRetryStrategy: () => SENTINELS_PAUSE,
  };
}

type Address = Omit<RedisAddress, "url">;

function given({ url: _, ...rest }: RedisAddress): Address {
  const { host, port, username, password, db, tls, sentinels, sentinelName } = rest;
  const address = { host, port, username, password, db, tls, sentinels, sentinelName };
  return Object.fromEntries(Object.entries(address).filter(([, value]) => value !== undefined));
}

function fromUrl(text: string | undefined): Address {
  if (text === undefined) return {};
  if (text.startsWith("redis+sentinel:")) return fromSentinelUrl(text);
  if (!URL.canParse(text)) throw new Error("the URL of Redis is not a URL; expected redis://host:port");
  const url = new URL(text);
  if (url.protocol === "redis+cluster:")
    throw new Error("redis+cluster:// is not supported yet: a single Redis is needed, redis://host:port");
  if (url.protocol !== "redis:" && url.protocol !== "rediss:")
    throw new Error(`the URL of Redis begins with redis:// or rediss://, not with ${url.protocol}//`);
  const path = /^\/?(\d*)$/.exec(url.pathname);
  if (!path)
    throw new Error("the path of a Redis URL is the number of a database, as in redis://host:6379/2");
  return {
    ...(url.hostname && { host: url.hostname.replace(/^\[|\]$/g, "") }),
    ...(url.port && { port: Number(url.port) }),
    ...credentials(url),
    ...(path[1] && { db: Number(path[1]) }),
    ...(url.protocol === "rediss:" && { tls: true }),
  };
}

/** Scheme, credentials, addresses, name, database. */
const SENTINEL_URL = /^redis\+sentinel:\/\/([^@/]*@)?([^@/]+)(?:\/([^/]+))?(?:\/(\d+))?\/?$/;

function fromSentinelUrl(text: string): Address {
  const expected = "expected redis+sentinel://host:26379,host:26379/mymaster/0";
  const [, user = "", hosts, name, db] = SENTINEL_URL.exec(text) ?? [];
  if (hosts === undefined) throw new Error(`the URL of the Sentinels is not one; ${expected}`);
  const sentinels = hosts.split(",").map((host) => {
    if (!URL.canParse(`redis://${host}`))
      throw new Error(`"${host}" is no address of a Sentinel; ${expected}`);
    const { hostname, port } = new URL(`redis://${host}`);
    return { host: hostname.replace(/^\[|\]$/g, ""), port: port === "" ? 26_379 : Number(port) };
  });
  return {
    sentinels,
    ...(name && { sentinelName: decodeURIComponent(name) }),
    ...credentials(new URL(`redis://${user}host`)),
    ...(db && { db: Number(db) }),
  };
}

function credentials({ username, password }: URL): Address {
  return {
    ...(username && { username: decodeURIComponent(username) }),
    ...(password && { password: decodeURIComponent(password) }),
  };
}
