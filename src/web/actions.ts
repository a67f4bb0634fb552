import { randomUUID } from "node:crypto";
import type { FastifyInstance, FastifyReply, FastifyRequest } from "fastify";
import { failure, failureFields } from "../actions/errors.ts";
import type { Runner } from "../actions/runner.ts";
import type { Api } from "../api.ts";
import type { Config } from "../config/declaration.ts";
import { authenticated, type Hooks, Refusal } from "../hooks.ts";
import type { Json, Log } from "../ports.ts";
import type { Requester } from "../sessions/gateway.ts";
import { OriginPolicy } from "../transports/origin.ts";
import { Peers, requesterOf } from "../transports/peer.ts";
import { frameworkFailure, sendFailure } from "./answers.ts";
import { addBodyParsers, pairs, Unreadable } from "./body.ts";
import { webConnection } from "./caller.ts";
import type { Running } from "./running.ts";

export interface ActionRouteOptions {
  readonly config: Config;
  readonly api: Api;
  readonly runner: Runner;
  readonly hooks: Hooks;
  readonly log: Log;
  readonly running: Running;
}

/** What the answer to one request is made from. */
interface Caller {
  readonly requester: Requester;
  readonly startedAt: number;
}

const otherMethods = ["PUT", "PATCH", "DELETE"];
const ALLOWED = "GET, HEAD, POST, OPTIONS";

/** Why what was given names no action; null when it does. */
const noName = (action: unknown): string | null => {
  if (Array.isArray(action)) return "several actions were named: one is called at a time";
  return typeof action === "string" && action !== "" ? null : "no action was named";
};

/** Actions over HTTP, and the status page beside them. */
export const actionRoutes = (options: ActionRouteOptions) => {
  const { config, api, runner, hooks, log, running } = options;
  const { stopping } = running;
  const { allowedOrigins, trustProxy, urlPathForActions } = config.servers.web;
  const base = `/${urlPathForActions}`;
  const policy = new OriginPolicy(allowedOrigins);
  const peers = new Peers({ trustProxy, secure: false });
  const callers = new WeakMap<FastifyRequest, Caller>();

  /** Who asks, and whether its page may: DESIGN 4.7, "Origin". */
  const admit = async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply | undefined> => {
    const { headers, method } = request;
    const peer = peers.of(request.raw);
    const verdict = policy.judge(headers, peer.origin);
    const { origin } = headers;
    reply
      .header("vary", "Origin")
      .header("cache-control", "no-store")
      .header("x-content-type-options", "nosniff");
    if (verdict === "listed" && origin !== undefined) {
      reply.header("access-control-allow-origin", origin).header("access-control-allow-credentials", "true");
    } else if (verdict === "any") {
      reply.header("access-control-allow-origin", "*");
    }
    if (verdict === "foreign" && method !== "GET" && method !== "HEAD") {
      return sendFailure(reply, failure("foreign_origin", { values: { origin: origin ?? "another site" } }));
    }
    const encoding = headers["content-encoding"];
    if (encoding !== undefined && encoding !== "identity") {
      const message = `bodies with Content-Encoding ${encoding} are not understood`;
      return sendFailure(reply, failure("unsupported_media_type", { message }));
    }
    const anonymous = verdict === "foreign" || verdict === "any";
    callers.set(request, { requester: requesterOf(peer, headers, anonymous), startedAt: Date.now() });
    return undefined;
  };

  const preflight = (request: FastifyRequest, reply: FastifyReply): FastifyReply => {
    const wanted = request.headers["access-control-request-headers"];
    if (wanted !== undefined) reply.header("access-control-allow-headers", wanted);
    return reply
      .header("access-control-allow-methods", "GET, POST")
      .header("access-control-max-age", "600")
      .header("allow", ALLOWED)
      .code(204)
      .send();
  };

  const status = ({ requester, startedAt }: Caller, params: object) => {
    const information = { id: randomUUID(), remoteIP: requester.remoteIP, receivedParams: params };
    return {
      serverInformation: {
        serverName: config.general.serverName,
        apiVersion: config.general.apiVersion,
        requestDuration: Date.now() - startedAt,
        currentTime: Date.now(),
      },
      // The key was renamed once; clients of both times are about.
      requestorInformation: information,
      requesterInformation: information,
      documentation: runner.documentation(),
    };
  };

  /** Who this is, as the application sees it. There is no handshake, so there is no `ext`. */
  const identify = async ({ headers, cookies, remoteIP }: Requester): Promise<Json> =>
    (await authenticated(hooks, { headers, cookies, ext: {}, remoteIP }, Date.now())).identity;

  const perform = async (
    action: unknown,
    params: Record<string, unknown>,
    caller: Caller,
    reply: FastifyReply,
  ) => {
    let identity: Json;
    try {
      identity = await identify(caller.requester);
    } catch (error) {
      if (!(error instanceof Refusal))
        log.warn({ err: error }, "the authenticate hook failed for an HTTP action");
      const told = error instanceof Refusal && error.message !== "" ? { message: error.message } : {};
      return sendFailure(reply, failure("unauthenticated", told));
    }
    const gone = new AbortController();
    const abort = () => gone.abort();
    stopping.addEventListener("abort", abort, { once: true });
    reply.raw.once("close", abort);
    if (stopping.aborted) abort();
    try {
      const connection = webConnection(caller.requester, identity, params);
      const outcome = await runner.run({ action, params, connection, api, signal: gone.signal });
      return outcome.ok ? reply.send(outcome.response) : sendFailure(reply, outcome.failure);
    } finally {
      stopping.removeEventListener("abort", abort);
      reply.raw.removeListener("close", abort);
    }
  };

  const answer = async (request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    const caller = callers.get(request)!;
    const query = request.url.indexOf("?");
    const search = query === -1 ? {} : pairs(new URLSearchParams(request.url.slice(query + 1)));
    const sent = (request.body ?? {}) as Record<string, unknown>;
    const params = { ...search, ...sent };
    const named = (request.params as { "*"?: string })["*"]?.replace(/\/$/, "");
    if (!named && params.action === undefined && request.method !== "POST")
      return reply.send(status(caller, params));
    const action = named || params.action;
    const message = noName(action);
    if (message) return sendFailure(reply, failure("unknown_action", { message }));
    return running.during(() => perform(action, params, caller, reply));
  };

  const refuseMethod = (request: FastifyRequest, reply: FastifyReply): FastifyReply =>
    sendFailure(
      reply.header("allow", ALLOWED),
      failure("method_not_allowed", { values: { method: request.method } }),
    );

  return async (scope: FastifyInstance): Promise<void> => {
    addBodyParsers(scope, config.limits.depth);
    scope.addHook("onRequest", admit);
    scope.setErrorHandler((error: unknown, request, reply) => {
      if (error instanceof Unreadable) return sendFailure(reply, error.failure);
      const values = {
        limit: config.limits.bodyBytes,
        type: request.headers["content-type"] ?? "none",
        problem: "its length is wrong",
      };
      const known = frameworkFailure(error, { values });
      if (known) return sendFailure(reply, known);
      const errorId = randomUUID();
      log.error({ err: error, errorId }, "a request to an action failed outside the action");
      return reply.code(500).send(failureFields(failure("internal_error", { errorId })));
    });
    for (const url of [base, `${base}/*`]) {
      scope.route({ method: ["GET", "HEAD", "POST"], url, handler: answer });
      scope.route({ method: "OPTIONS", url, handler: preflight });
      scope.route({ method: otherMethods, url, handler: refuseMethod });
    }
  };
};
