import { randomUUID } from "node:crypto";
import type { Server as HttpServer } from "node:http";
import type { AddressInfo } from "node:net";
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyServerOptions } from "fastify";
import { failure, failureFields } from "../actions/errors.ts";
import type { Runner } from "../actions/runner.ts";
import type { Api } from "../api.ts";
import type { Config } from "../config/declaration.ts";
import type { Hooks } from "../hooks.ts";
import type { Log } from "../ports.ts";
import { actionRoutes } from "./actions.ts";
import { sendFailure } from "./answers.ts";
import { type BayeuxDoors, bayeuxPath, type Doors, openDoors } from "./doors.ts";
import { fileRoutes } from "./files.ts";
import { trackRunning } from "./running.ts";
import { ownServer, type Server } from "./server.ts";

export interface WebOptions {
  readonly config: Config;
  readonly api: Api;
  readonly runner: Runner;
  readonly hooks: Hooks;
  readonly transports: BayeuxDoors;
  /** For `/readyz`. */
  readonly ready: () => Promise<boolean>;
  readonly log: Log;
  /** Folders of static files, the first that has a file goes first. */
  readonly publicDirs: readonly string[];
  /** A server that exists already. It is neither started nor stopped by us. */
  readonly existing?: Server;
}

export interface Web {
  /** Routes may be added until it is started. */
  readonly fastify: FastifyInstance;
  /** Listens. After it failed, or once it was taken back, it may be called again. */
  start(): Promise<void>;
  /** Undoes a start. */
  retreat(): Promise<void>;
  /**
   * From now on connections are closed after their answer, so that a stop finds few of them. Resolves when the actions under way
   * have ended.
   */
  drain(): Promise<void>;
  /** Lets what is under way finish, at most `bound` ms. */
  stop(bound: number): Promise<void>;
  address(): AddressInfo | null;
}

const trustOf = ({
  trustProxy,
}: Config["servers"]["web"]): NonNullable<FastifyServerOptions["trustProxy"]> =>
  typeof trustProxy === "number"
    ? (_address, hop) => hop < trustProxy
    : typeof trustProxy === "object"
      ? [...trustProxy]
      : trustProxy;

const healthRoutes = (ready: WebOptions["ready"]) => async (scope: FastifyInstance) => {
  scope.addHook("onRequest", async (_, reply) => {
    reply.header("cache-control", "no-store");
  });
  scope.get("/healthz", async () => ({ status: "ok" }));
  scope.get("/readyz", async (_, reply) => {
    const is = await ready().catch(() => false);
    return reply.code(is ? 200 : 503).send({ ready: is });
  });
};

/** Errors of an application's own routes: what its author did not mean to tell stays in the log. */
const hideErrors = (fastify: FastifyInstance, log: Log): void => {
  fastify.setErrorHandler((error: unknown, request, reply) => {
    const status = error instanceof Error && "statusCode" in error ? Number(error.statusCode) : 500;
    if (status >= 400 && status < 500) return reply.code(status).send(error);
    const errorId = randomUUID();
    log.error({ err: error, errorId, route: request.routeOptions.url }, "a route failed");
    return reply.code(500).send(failureFields(failure("internal_error", { errorId })));
  });
};

/**
 * The web server: routes, files, health, and the way to the Bayeux endpoint. Bayeux requests never pass through the
 * framework: they are held for long and there are many of them.
 */
export const createWeb = (options: WebOptions): Web => {
  const { config, transports, log, publicDirs, existing } = options;
  const own = existing ? undefined : ownServer(config, log);
  const server: Server = existing ?? own!.server;
  const running = trackRunning();
  const files = fileRoutes(config, publicDirs, existing === undefined);
  let doors: Doors | undefined;
  let draining = false;

  const formerErrorListeners = server.listeners("clientError");
  const fastify: FastifyInstance = Fastify({
    serverFactory: () => server as HttpServer,
    logger: false,
    bodyLimit: config.limits.bodyBytes,
    trustProxy: trustOf(config.servers.web),
    // We stop accepting before we close it: what came before that is still answered.
    return503OnClosing: false,
    routerOptions: { maxParamLength: 200 },
    frameworkErrors(error, request, reply) {
      if (doors?.shared) return doors.pass(request.raw, reply.raw);
      sendFailure(reply as FastifyReply, failure("bad_request", { values: { problem: error.message } }));
    },
  });
  if (existing) {
    // What to do about broken requests is for the owner of the server to say.
    for (const listener of server.listeners("clientError")) {
      if (!formerErrorListeners.includes(listener))
        server.removeListener("clientError", listener as () => void);
    }
  }

  hideErrors(fastify, log);
  fastify.addHook("onRequest", async (request, reply) => {
    if (!doors?.shared || !request.is404) return;
    // Not ours: whoever was here before us. Before a body is read.
    reply.hijack();
    doors.pass(request.raw, reply.raw);
  });
  fastify.addHook("onSend", async (_, reply) => {
    if (draining && own) reply.header("connection", "close");
  });
  fastify.register(healthRoutes(options.ready));
  fastify.register(actionRoutes({ ...options, running }));
  fastify.register(files.routes);

  const closeDoors = (): void => {
    doors?.close();
    doors = undefined;
  };

  return {
    fastify,
    async start() {
      await fastify.ready();
      doors = openDoors(server, {
        isBayeux: bayeuxPath(config.faye.mount, files.isScript),
        bayeux: transports,
        http: (request, response) => fastify.routing(request, response),
      });
      try {
        await own?.listen();
      } catch (error) {
        closeDoors();
        throw error;
      }
    },
    async retreat() {
      await own?.close(0);
      closeDoors();
    },
    drain() {
      draining = true;
      return running.ended();
    },
    async stop(bound) {
      draining = true;
      const until = performance.now() + bound;
      // Listening ends first, so that nothing new begins while the rest is waited for.
      const closed = own?.close(bound + 250);
      await running.finish(Math.max(0, until - performance.now()));
      await closed;
      closeDoors();
      await fastify.close();
    },
    address() {
      const address = server.address();
      return typeof address === "object" ? address : null;
    },
  };
};

export type { BayeuxDoors } from "./doors.ts";
export type { Server } from "./server.ts";
