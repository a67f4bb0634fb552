import { createHash } from "node:crypto";
import { readFile, stat } from "node:fs/promises";
import { createRequire } from "node:module";
import path from "node:path";
import { fileURLToPath } from "node:url";
import type { FastifyReply, FastifyRequest } from "fastify";
import { failure } from "../actions/errors.ts";
import { sendFailure } from "./answers.ts";

/** A file of this package, or of one it depends on, that is always served. */
export interface Script {
  readonly file: string;
  readonly type: string;
  /** Where its source map is served, when that is not what its last line says. */
  readonly map?: string;
  /** Appended to it. */
  readonly tail?: string;
}

const javascript = "text/javascript; charset=utf-8";
const json = "application/json; charset=utf-8";

const fayeFolder = (): string =>
  path.join(path.dirname(createRequire(import.meta.url).resolve("faye/package.json")), "client");

/** Where the bundle of our client is built; the same from src/ and from dist/. */
const builtClient = fileURLToPath(new URL("../../dist/client/actionHeroWebSocket.js", import.meta.url));

/** A literal that cannot end the script element it may be pasted into, nor a line of an old parser. */
const literal = (value: unknown): string =>
  JSON.stringify(value).replace(
    /[<\u2028\u2029]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );

/** What the page's client starts with where the configuration says so: a client whose options have other defaults. */
const withDefaults = (client: { readonly path: string; readonly fayeOptions: object }): string => `
window.actionHeroWebSocket = (function (Client, path, fayeOptions) {
  return class actionHeroWebSocket extends Client {
    constructor(options) {
      super(Object.assign({ path: path }, options, {
        fayeOptions: Object.assign({}, fayeOptions, options && options.fayeOptions)
      }));
    }
  };
})(window.actionHeroWebSocket, ${literal(client.path)}, ${literal(client.fayeOptions)});
`;

/** Paths of the scripts that every server offers. `client`: what the page's client starts with. */
export const scripts = (
  mount: string,
  files: string,
  client: { readonly path: string; readonly fayeOptions: object },
): ReadonlyMap<string, Script> => {
  const map = `${mount}/client.js.map`;
  const faye: Script = { file: path.join(fayeFolder(), "faye-browser-min.js"), type: javascript, map };
  const fayeMap: Script = { file: path.join(fayeFolder(), "faye-browser-min.js.map"), type: json };
  const plain = client.path === "/faye" && Object.keys(client.fayeOptions).length === 0;
  const ours: Script = {
    file: builtClient,
    type: javascript,
    ...(plain ? {} : { tail: withDefaults(client) }),
  };
  return new Map([
    [`${mount}/client.js`, faye],
    [`${mount}.js`, faye],
    [map, fayeMap],
    // The stock file's last line names its map like this.
    [`${mount}/faye-browser-min.js.map`, fayeMap],
    // Also where pages written for other servers look for it.
    ...[files, "public"].flatMap((folder): [string, Script][] => [
      [`/${folder}/javascript/actionHeroWebSocket.js`, ours],
      [`/${folder}/javascript/actionHeroWebSocket.js.map`, { file: `${builtClient}.map`, type: json }],
    ]),
  ]);
};

interface Loaded {
  readonly changed: number;
  readonly body: Buffer;
  readonly etag: string;
}

/** Reads scripts, and again when their file has changed: a rebuilt client is served without a restart. */
export const scriptSender = () => {
  const loaded = new Map<string, Loaded>();

  const load = async ({ file, tail = "" }: Script): Promise<Loaded> => {
    const { mtimeMs: changed } = await stat(file);
    const known = loaded.get(file);
    if (known?.changed === changed) return known;
    const body = Buffer.concat([await readFile(file), Buffer.from(tail)]);
    const etag = `"${createHash("sha256").update(body).digest("base64url").slice(0, 27)}"`;
    const fresh = { changed, body, etag };
    loaded.set(file, fresh);
    return fresh;
  };

  return async (script: Script, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> => {
    let found: Loaded;
    try {
      found = await load(script);
    } catch {
      // Only our own client can be missing: in a checkout that was not built.
      return sendFailure(reply, failure("not_found", { values: { path: request.url.split("?", 1)[0]! } }));
    }
    reply.header("cache-control", "no-cache").header("etag", found.etag);
    const tags = request.headers["if-none-match"]?.split(",").map((tag) => tag.trim().replace(/^W\//, ""));
    if (tags?.includes(found.etag) || tags?.includes("*")) return reply.code(304).send();
    if (script.map) reply.header("sourcemap", script.map);
    return reply.type(script.type).send(found.body);
  };
};
