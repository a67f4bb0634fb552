import { EventEmitter } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import type { IncomingMessage, ServerResponse } from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import type { Duplex } from "node:stream";
import type { TestContext } from "node:test";
import { z } from "zod";
import { type Action, ActionError, createRunner, defineAction } from "../../src/actions/index.ts";
import { type ConfigInput, resolveConfig } from "../../src/config/index.ts";
import type { Hooks } from "../../src/hooks.ts";
import { createWeb, type Server, type Web } from "../../src/web/index.ts";
import { anApi, keptLog } from "../actions/fakes.ts";

/** Stands in for the Bayeux endpoint: says what came to it. */
export class FakeBayeux extends EventEmitter {
  readonly seen: string[] = [];
  request(request: IncomingMessage, response: ServerResponse): void {
    this.seen.push(`${request.method} ${request.url}`);
    response.end("bayeux");
  }
  upgrade(request: IncomingMessage, socket: Duplex, _head: Buffer): void {
    this.seen.push(`UPGRADE ${request.url}`);
    socket.end("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
  }
}

export const demoActions: readonly Action[] = [
  defineAction({
    name: "add",
    description: "adds two numbers",
    inputs: z.object({ a: z.coerce.number(), b: z.coerce.number() }),
    run: ({ params }) => ({ sum: params.a + params.b }),
  }),
  defineAction({ name: "echo", description: "returns its params", run: ({ params }) => ({ echo: params }) }),
  defineAction({
    name: "who",
    description: "tells who asks",
    run: ({ connection: { type, transport, remoteIP, identity, room } }) => ({
      type,
      transport,
      remoteIP,
      identity,
      room,
    }),
  }),
  defineAction({
    name: "sold",
    description: "fails with a code of its own",
    run: () => {
      throw new ActionError("sold_out", "no seats left", { seats: 0 }, { status: 410 });
    },
  }),
  defineAction({
    name: "broken",
    description: "throws",
    run: () => {
      throw new Error("hunter2");
    },
  }),
  defineAction({
    name: "sleep",
    description: "answers later",
    inputs: z.object({ ms: z.coerce.number() }),
    run: async ({ params, signal }) => {
      await new Promise((resolve) => {
        const timer = setTimeout(resolve, params.ms);
        signal.addEventListener("abort", () => clearTimeout(timer));
      });
      return { slept: params.ms };
    },
  }),
];

export interface Bench {
  readonly web: Web;
  readonly bayeux: FakeBayeux;
  readonly base: string;
  readonly log: ReturnType<typeof keptLog>;
}

export interface BenchOptions {
  readonly config?: ConfigInput;
  readonly hooks?: Hooks;
  readonly publicDirs?: readonly string[];
  readonly existing?: Server;
  readonly ready?: () => Promise<boolean>;
  /** Before the start: routes of an application. */
  readonly prepare?: (web: Web) => void;
}

/** A web server on a port of its own, stopped when the test ends. */
export const startWeb = async (t: TestContext, options: BenchOptions = {}): Promise<Bench> => {
  const given = options.config ?? {};
  const config = resolveConfig({
    ...given,
    servers: { ...given.servers, web: { port: 0, bindIP: "127.0.0.1", ...given.servers?.web } },
  });
  const log = keptLog();
  const hooks = options.hooks ?? {};
  const bayeux = new FakeBayeux();
  const web = createWeb({
    config,
    hooks,
    log,
    api: anApi(),
    runner: createRunner({ actions: demoActions, hooks, config, log }),
    transports: bayeux,
    ready: options.ready ?? (async () => true),
    publicDirs: options.publicDirs ?? [],
    ...(options.existing ? { existing: options.existing } : {}),
  });
  options.prepare?.(web);
  await web.start();
  t.after(() => web.stop(0));
  const scheme = config.servers.web.secure ? "https" : "http";
  return { web, bayeux, log, base: `${scheme}://127.0.0.1:${web.address()?.port}` };
};

/** A folder that is gone when the test ends. */
export const folder = async (t: TestContext): Promise<string> => {
  const made = await mkdtemp(path.join(tmpdir(), "actionwire-"));
  t.after(() => rm(made, { recursive: true, force: true }));
  return made;
};

export const getJson = async (url: string, init?: RequestInit) => {
  const response = await fetch(url, init);
  return {
    status: response.status,
    headers: response.headers,
    body: (await response.json()) as Record<string, unknown>,
  };
};

export const postJson = (url: string, body: unknown, headers: Record<string, string> = {}) =>
  getJson(url, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });
