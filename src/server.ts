import type { AddressInfo } from "node:net";
import type { FastifyInstance } from "fastify";
import { type Action, createRunner } from "./actions/index.ts";
import type { Api } from "./api.ts";
import { systemClock, systemRandom } from "./clock.ts";
import { type Config, ConfigError, type ConfigInput, resolveConfig } from "./config/index.ts";
import type { Engine } from "./engine/contract.ts";
import { memoryEngine } from "./engine/memory/engine.ts";
import { MemoryStore } from "./engine/memory/store.ts";
import { redisEngine } from "./engine/redis/engine.ts";
import type { RedisAddress } from "./engine/redis/options.ts";
import type { Hooks } from "./hooks.ts";
import { createLog } from "./log.ts";
import { createMetrics } from "./metrics.ts";
import { createNode } from "./node.ts";
import { checkActions, checkHooks, checkServer } from "./options.ts";
import type { Log } from "./ports.ts";
import { createTransports, type TransportOptions } from "./transports/index.ts";
import { createWeb, type Server as WebServer } from "./web/index.ts";

export interface ServerOptions {
  readonly actions?: readonly Action[];
  readonly hooks?: Hooks;
  readonly config?: ConfigInput;
  /** Default: what the configuration says, Redis or (for one process) memory. */
  readonly engine?: Engine;
  /** An http(s) server that exists already, or the Fastify instance that has it; it is neither started nor stopped by us. */
  readonly server?: WebServer | { readonly server: WebServer };
  /** Overrides the configuration; default `process.env`. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Default: JSON lines on standard output. */
  readonly log?: Log;
  /** Folders of static files; the first that has a file goes first. */
  readonly publicDirs?: readonly string[];
}

export interface ActionwireServer {
  readonly api: Api;
  readonly config: Config;
  /** The Fastify instance: routes may be added to it until `start`. */
  readonly web: FastifyInstance;
  /** Resolves when it serves, or Redis has not answered in time: then it serves once it does. After it failed it may be called again. */
  start(): Promise<void>;
  /** Lets clients move and actions finish, at most `bound` ms (default `cluster.drain`). Idempotent; for good. */
  stop(options?: { readonly bound?: number }): Promise<void>;
  /** Where it listens; null when it does not. */
  address(): AddressInfo | null;
}

/** What the transports are told, from the blocks of the configuration. */
export const transportOptions = (config: Config): Partial<TransportOptions> => {
  const { servers, faye, limits } = config;
  const { maxFrameBytes, compression, compressionThreshold, bufferedBytes } = servers.websocket;
  return {
    mount: faye.mount,
    transports: new Set(faye.transports),
    jsonp: faye.jsonp,
    ping: faye.ping,
    allowedOrigins: servers.web.allowedOrigins,
    trustProxy: servers.web.trustProxy,
    frameBytes: maxFrameBytes,
    perMessageDeflate: compression && { threshold: compressionThreshold },
    maxBuffered: bufferedBytes,
    bodyBytes: limits.bodyBytes,
    messageBytes: limits.messageBytes,
    batch: limits.batch,
    depth: limits.depth,
    idle: limits.handshakeTimeout,
    bodyTimeout: limits.bodyTimeout,
    unreadTimeout: limits.unreadTimeout,
    maxSockets: limits.connections,
    maxPerAddress: limits.connectionsPerAddress,
  };
};

/** In Redis where one is configured, in memory otherwise. */
const createEngine = ({ redis, topics }: Config, log: Log): Engine => {
  const { maxMessages, maxBytes, maxAge } = topics;
  const bounds = { maxMessages, maxBytes, maxAge: maxAge * 1000 };
  const shared = { clock: systemClock, random: systemRandom, bounds };
  if (redis.cluster.length > 0)
    throw new ConfigError([
      '"redis.cluster" is not supported yet: a single Redis is needed, or one with Sentinels',
    ]);
  if (redis.url === null && redis.host === null && redis.sentinels.length === 0)
    return memoryEngine(new MemoryStore(shared));
  try {
    return redisEngine({ ...shared, ...redisAddress(redis), namespace: redis.namespace, log });
  } catch (error) {
    throw new ConfigError([`"redis": ${error instanceof Error ? error.message : String(error)}`]);
  }
};

/** The URL instead of everything beside it. */
const redisAddress = ({ url, host, username, password, ...rest }: Config["redis"]): RedisAddress => {
  if (url !== null) return { url };
  const { port, db, tls, sentinels, sentinelName } = rest;
  const named = { ...(host && { host }), ...(username && { username }), ...(password && { password }) };
  return { ...named, port, db, tls, sentinels, sentinelName };
};

/**
 * Puts a server together. Nothing listens before `start`.
 *
 * @throws {ConfigError} when the configuration is refused
 * @throws {TypeError} when actions, hooks or the server are none
 */
export const createServer = (options: ServerOptions = {}): ActionwireServer => {
  const { publicDirs = [], env = process.env } = options;
  const actions = checkActions(options.actions ?? []);
  const hooks = checkHooks(options.hooks ?? {});
  const existing = options.server === undefined ? {} : { existing: checkServer(options.server) };
  const config = resolveConfig(options.config, env);
  const log = options.log ?? createLog(config.logger);
  const clock = systemClock;

  const runner = createRunner({ actions, hooks, config, log, clock });
  const engine = options.engine ?? createEngine(config, log);
  const node = createNode({ config, hooks, runner, engine, clock, random: systemRandom, log });
  const transports = createTransports({
    gateway: node.gateway,
    options: transportOptions(config),
    log,
    clock,
  });
  let starting: Promise<void> | undefined;
  let stopping: Promise<void> | undefined;
  const web = createWeb({
    config,
    hooks,
    runner,
    transports,
    log,
    publicDirs,
    api: node.api,
    ready: async () => stopping === undefined && (await node.ready()),
    ...existing,
  });

  const metrics = createMetrics({ node: node.counts, transports: transports.counts });
  web.fastify.get("/metrics", async (_request, reply) => {
    reply.header("content-type", metrics.contentType);
    return metrics.text();
  });

  const begin = async (): Promise<void> => {
    // It listens first: a port in use is told before anything else has begun, and who asks is told that it lives but is not ready.
    await web.start();
    try {
      await node.start();
    } catch (error) {
      await web.retreat();
      throw error;
    }
    log.info({ node: node.api.id, address: web.address() }, "started");
  };

  const drain = async (bound: number): Promise<void> => {
    // What has begun by half cannot be taken back by half.
    await starting?.catch(() => {});
    const until = clock.monotonic() + bound;
    const left = () => Math.max(0, until - clock.monotonic());
    log.info({ bound }, "stopping");
    // It still listens: clients that are told to move poll once more, and who looks at /readyz is told to stay away.
    await node.stop(bound, web.drain());
    transports.close();
    await web.stop(left());
    log.info({}, "stopped");
  };

  return {
    api: node.api,
    config,
    web: web.fastify,
    address: web.address,
    start() {
      if (stopping) return Promise.reject(new Error("this server has been stopped: create a new one"));
      starting ??= begin().catch((error: unknown) => {
        starting = undefined;
        throw error;
      });
      return starting;
    },
    stop({ bound = config.cluster.drain * 1000 } = {}) {
      stopping ??= drain(bound);
      return stopping;
    },
  };
};
