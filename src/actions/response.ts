import { jsonProblem } from "../json.ts";

const isPlain = (value: object): boolean => {
  const proto: unknown = Object.getPrototypeOf(value);
  return proto === null || proto === Object.prototype || Object.getPrototypeOf(proto) === null;
};

/** Why a value cannot be the answer of an action; null when it can. `undefined` is taken for `{}` by the caller. */
export const responseProblem = (value: unknown): string | null => {
  if (typeof value !== "object" || value === null || Array.isArray(value) || !isPlain(value)) {
    const got = Array.isArray(value) ? "a list" : value === null ? "null" : typeof value;
    return `an action answers with a plain object, got ${got === "object" ? `a ${value?.constructor?.name}` : got}`;
  }
  return jsonProblem(value);
};
