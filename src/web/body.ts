import type { FastifyInstance } from "fastify";
import { failure } from "../actions/errors.ts";
import type { ActionFailure } from "../actions/runner-contract.ts";

/** Thrown by a parser; answered as what it carries. */
export class Unreadable extends Error {
  readonly failure: ActionFailure;
  constructor(problem: string) {
    const failed = failure("bad_request", { values: { problem } });
    super(failed.message);
    this.failure = failed;
  }
}

type Params = Record<string, unknown>;

/** Is anything nested deeper than `levels`? Stops at the first that is, so hostile depth costs nothing. */
const deeperThan = (value: unknown, levels: number): boolean => {
  if (typeof value !== "object" || value === null) return false;
  if (levels === 0) return true;
  return Object.values(value).some((inner) => deeperThan(inner, levels - 1));
};

const parseJson = (text: string, depth: number): Params => {
  if (text.trim() === "") return {};
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new Unreadable(`not JSON (${error instanceof Error ? error.message : "syntax"})`);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    const got = Array.isArray(value) ? "a list" : value === null ? "null" : `a ${typeof value}`;
    throw new Unreadable(`the body must be a JSON object, got ${got}`);
  }
  if (deeperThan(value, depth)) throw new Unreadable(`the body is nested deeper than ${depth} levels`);
  return value as Params;
};

/** Pairs as an object; a name that comes twice has a list. `__proto__` is a name like any other. */
export const pairs = (search: URLSearchParams): Params => {
  const found = new Map<string, string | string[]>();
  for (const [name, value] of search) {
    const before = found.get(name);
    // In place: to copy the list for each of many would take a time that grows with their square.
    if (Array.isArray(before)) before.push(value);
    else found.set(name, before === undefined ? value : [before, value]);
  }
  return Object.fromEntries(found);
};

/**
 * The bodies that actions understand, within `scope` only. Fastify's own JSON parser refuses `__proto__`; here it is data,
 * as it is over a connection.
 */
export const addBodyParsers = (scope: FastifyInstance, depth: number): void => {
  scope.removeAllContentTypeParsers();
  scope.addContentTypeParser(
    "application/json",
    { parseAs: "string" },
    async (_: unknown, text: string | Buffer) => parseJson(String(text), depth),
  );
  scope.addContentTypeParser(
    "application/x-www-form-urlencoded",
    { parseAs: "string" },
    async (_: unknown, text: string | Buffer) => pairs(new URLSearchParams(String(text))),
  );
};
