/** What JSON carries, and what it does not. */
import type { Json } from "./ports.ts";

const step = (path: string, key: string | number): string =>
  typeof key === "number" ? `${path}[${key}]` : path === "" ? key : `${path}.${key}`;

const visit = (value: unknown, path: string, above: object[]): string | null => {
  switch (typeof value) {
    case "bigint":
    case "function":
    case "symbol":
      return `${path} is a ${typeof value}`;
    case "object":
      break;
    default:
      return null;
  }
  if (value === null) return null;
  if (above.includes(value)) return `${path} refers back to an object that contains it`;
  // What JSON would silently turn into `{}`.
  if (value instanceof Map || value instanceof Set) return `${path} is a ${value.constructor.name}`;
  if (value instanceof Promise) return `${path} is a promise: await it`;
  const toJSON: unknown = Reflect.get(value, "toJSON");
  above.push(value);
  try {
    if (typeof toJSON === "function") return visit(toJSON.call(value, ""), path, above);
    if (Array.isArray(value)) {
      for (const [key, inner] of value.entries()) {
        const problem = visit(inner, step(path, key), above);
        if (problem !== null) return problem;
      }
      return null;
    }
    for (const key of Object.keys(value)) {
      const problem = visit((value as Record<string, unknown>)[key], step(path, key), above);
      if (problem !== null) return problem;
    }
    return null;
  } finally {
    above.pop();
  }
};

/** Why a value cannot be sent as JSON, with the place in it; null when it can. */
export const jsonProblem = (value: unknown, name = ""): string | null => {
  try {
    return visit(value, name, []);
  } catch (error) {
    // Nested too deep for the stack, or a getter or toJSON that throws.
    return `${name || "it"} cannot be read: ${error instanceof Error ? error.message : String(error)}`;
  }
};

/**
 * What JSON makes of a value. `name`: of the whole, where something in it is wrong.
 *
 * @throws {TypeError} naming the place of what JSON cannot carry
 */
export const throughJson = (value: unknown, name: string): Json => {
  const problem = jsonProblem(value, name);
  if (problem) throw new TypeError(`${name} must be something JSON can carry, but ${problem}`);
  return JSON.parse(JSON.stringify(value) ?? "null") as Json;
};

/**
 * The JSON text of an object with these fields last, which overrule its own. Written beside it, since a copy of an object with
 * more fields costs more than all the rest.
 */
export const jsonWith = (value: object, last: Readonly<Record<string, unknown>>): string => {
  for (const name of Object.keys(last))
    if (Object.hasOwn(value, name)) return JSON.stringify({ ...value, ...last });
  const text = JSON.stringify(value) as string | undefined;
  const rest = JSON.stringify(last);
  // A `toJSON` may make anything of it.
  if (text === "{}" || !text?.startsWith("{")) return rest;
  return rest === "{}" ? text : `${text.slice(0, -1)},${rest.slice(1)}`;
};
