/** What `createServer` is given beside the configuration, checked: not everybody has a compiler that does. */
import { type Action, isAction } from "./actions/index.ts";
import { type Hooks, hooksProblem } from "./hooks.ts";
import type { Server } from "./web/index.ts";

/** @throws {TypeError} when there is something else than actions in it */
export const checkActions = (given: unknown): readonly Action[] => {
  if (!Array.isArray(given))
    throw new TypeError(`createServer: "actions" must be a list, got ${kind(given)}`);
  given.forEach((action: unknown, index) => {
    if (isAction(action)) return;
    throw new TypeError(`createServer: "actions[${index}]"${named(action)} is not made by defineAction`);
  });
  return given;
};

/** @throws {TypeError} when something in it is no hook */
export const checkHooks = (given: unknown): Hooks => {
  if (typeof given !== "object" || given === null)
    throw new TypeError(`createServer: "hooks" must be an object, got ${kind(given)}`);
  const problem = hooksProblem(given);
  if (problem) throw new TypeError(`createServer: "hooks" has ${problem}`);
  return given;
};

/**
 * The web server to live beside; of a Fastify instance, its own.
 *
 * @throws {TypeError} when it is none
 */
export const checkServer = (given: unknown): Server => {
  if (isServer(given)) return given;
  if (typeof given === "object" && given !== null && "server" in given && isServer(given.server))
    return given.server;
  const hint = typeof given === "function" ? ": of an Express app, pass http.createServer(app)" : "";
  throw new TypeError(`createServer: "server" must be an http or https server, got ${kind(given)}${hint}`);
};

const isServer = (value: unknown): value is Server =>
  typeof value === "object" &&
  value !== null &&
  "listening" in value &&
  ["on", "address", "rawListeners"].every((name) => typeof Reflect.get(value, name) === "function");

const named = (action: unknown): string =>
  typeof action === "object" && action !== null && "name" in action
    ? ` (${JSON.stringify(action.name)})`
    : "";

const kind = (value: unknown): string =>
  value === null ? "null" : typeof value === "object" ? "an object" : `a ${typeof value}`;
