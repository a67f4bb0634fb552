const isPlain = (value: object): boolean => {
  const proto: unknown = Object.getPrototypeOf(value);
  return proto === null || proto === Object.prototype || Object.getPrototypeOf(proto) === null;
};

const step = (path: string, key: string | number): string =>
  typeof key === "number" ? `${path}[${key}]` : path === "" ? key : `${path}.${key}`;

const visit = (value: unknown, path: string, above: Set<object>): string | null => {
  switch (typeof value) {
    case "bigint":
    case "function":
    case "symbol":
      return `${path || "the response"} is a ${typeof value}`;
    case "object":
      break;
    default:
      return null;
  }
  if (value === null) return null;
  if (above.has(value)) return `${path} refers back to an object that contains it`;
  // What JSON would silently turn into `{}`.
  if (value instanceof Map || value instanceof Set) return `${path} is a ${value.constructor.name}`;
  if (value instanceof Promise) return `${path} is a promise: await it`;
  const toJSON: unknown = Reflect.get(value, "toJSON");
  above.add(value);
  try {
    if (typeof toJSON === "function") return visit(toJSON.call(value, ""), path, above);
    const entries = Array.isArray(value) ? value.entries() : Object.entries(value);
    for (const [key, inner] of entries) {
      const problem = visit(inner, step(path, key), above);
      if (problem !== null) return problem;
    }
    return null;
  } finally {
    above.delete(value);
  }
};

/** Why a value cannot be sent as JSON, with the place in it; null when it can. */
export const jsonProblem = (value: unknown, name = ""): string | null => {
  try {
    return visit(value, name, new Set());
  } catch (error) {
    // Nested too deep for the stack, or a getter or toJSON that throws.
    return `${name || "the response"} cannot be read: ${error instanceof Error ? error.message : String(error)}`;
  }
};

/** Why a value cannot be the answer of an action; null when it can. `undefined` is taken for `{}` by the caller. */
export const responseProblem = (value: unknown): string | null => {
  if (typeof value !== "object" || value === null || Array.isArray(value) || !isPlain(value)) {
    const got = Array.isArray(value) ? "a list" : value === null ? "null" : typeof value;
    return `an action answers with a plain object, got ${got === "object" ? `a ${value?.constructor?.name}` : got}`;
  }
  return jsonProblem(value);
};
