import type { ConnectionOptions } from "node:tls";
import type { RedisOptions } from "ioredis";
import type { Clock, Log, Random } from "../../ports.ts";
import type { TopicBounds } from "../contract.ts";

/** What both connections of a node are opened with. */
export type Connection = RedisOptions & { readonly replyMapping: "legacy" };

/** Where Redis is. What is given beside `url` counts more than what the URL says. */
export interface RedisAddress {
  /** `redis://` or `rediss://` (TLS), with user, password and number of the database as usual. */
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

/** @throws {Error} for an address that cannot be one; never repeats a URL, there may be a password in it */
export function connectionOptions(options: RedisEngineOptions): Connection {
  const { host, port, username, password, db, tls } = { ...fromUrl(options.url), ...given(options) };
  return {
    host: host ?? "127.0.0.1",
    port: port ?? 6379,
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

/** `host:port`, for people; no secrets. */
export function addressText(connection: Connection): string {
  return `${connection.host}:${connection.port}`;
}

type Address = Omit<RedisAddress, "url">;

function given({ host, port, username, password, db, tls }: RedisAddress): Address {
  const entries = Object.entries({ host, port, username, password, db, tls });
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined));
}

function fromUrl(text: string | undefined): Address {
  if (text === undefined) return {};
  if (!URL.canParse(text)) throw new Error("the URL of Redis is not a URL; expected redis://host:port");
  const url = new URL(text);
  if (url.protocol === "redis+sentinel:" || url.protocol === "redis+cluster:")
    throw new Error(
      `${url.protocol}// is not supported yet: this engine needs a single Redis, redis://host:port`,
    );
  if (url.protocol !== "redis:" && url.protocol !== "rediss:")
    throw new Error(`the URL of Redis begins with redis:// or rediss://, not with ${url.protocol}//`);
  const path = /^\/?(\d*)$/.exec(url.pathname);
  if (!path)
    throw new Error("the path of a Redis URL is the number of a database, as in redis://host:6379/2");
  return {
    ...(url.hostname && { host: url.hostname.replace(/^\[|\]$/g, "") }),
    ...(url.port && { port: Number(url.port) }),
    ...(url.username && { username: decodeURIComponent(url.username) }),
    ...(url.password && { password: decodeURIComponent(url.password) }),
    ...(path[1] && { db: Number(path[1]) }),
    ...(url.protocol === "rediss:" && { tls: true }),
  };
}
