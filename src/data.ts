/** `connection.data`: an object of the application that JSON brings back as it is, on whatever node. */

export type Data = Record<string, unknown>;

/** The same object, but what is set in it is checked and told. `undefined` deletes. */
export const guardedData = (data: Data, changed: () => void): Data =>
  guarded(data, "connection.data", changed);

/**
 * Takes everything out of `data` and puts a copy of what is in `value` there.
 *
 * @throws {TypeError} when it is no object, or JSON would not bring it back as it is
 */
export const replaceData = (data: Data, value: unknown): void => {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new TypeError("connection.data must be an object");
  const copy = copyOf(value, "connection.data") as Data;
  for (const key of Object.keys(data)) delete data[key];
  for (const [key, part] of Object.entries(copy)) define(data, key, part);
};

const copyOf = (value: unknown, path: string): unknown => {
  check(value, path, []);
  return JSON.parse(JSON.stringify(value));
};

/** Own properties only: `__proto__` is data. */
const define = (object: object, key: PropertyKey, value: unknown): void => {
  Object.defineProperty(object, key, { value, writable: true, enumerable: true, configurable: true });
};

/** Throws a TypeError naming the place of a value that JSON would not bring back as it is. */
const check = (value: unknown, path: string, above: readonly object[]): void => {
  switch (typeof value) {
    case "string":
    case "boolean":
      return;
    case "number":
      if (Number.isFinite(value)) return;
      break;
    case "object": {
      if (value === null) return;
      if (above.includes(value)) throw new TypeError(`${path} refers back to an object that contains it`);
      const inside = [...above, value];
      if (Array.isArray(value)) {
        for (const [index, item] of value.entries()) check(item, `${path}[${index}]`, inside);
        return;
      }
      const prototype: unknown = Object.getPrototypeOf(value);
      if (prototype === Object.prototype || prototype === null) {
        // A field that is undefined is as good as none.
        for (const [key, item] of Object.entries(value))
          if (item !== undefined) check(item, `${path}.${key}`, inside);
        return;
      }
    }
  }
  const what = typeof value === "object" ? value?.constructor?.name : typeof value;
  throw new TypeError(`${path} must be something JSON can carry, not ${what ?? String(value)}`);
};

const guarded = <T extends object>(target: T, path: string, changed: () => void): T =>
  new Proxy(target, {
    get(object, key, receiver): unknown {
      const value: unknown = Reflect.get(object, key, receiver);
      return typeof value === "object" && value !== null && Object.hasOwn(object, key)
        ? guarded(value, `${path}.${String(key)}`, changed)
        : value;
    },
    set(object, key, value): boolean {
      if (Array.isArray(object) && key === "length") object.length = value;
      else if (value === undefined && !Array.isArray(object)) Reflect.deleteProperty(object, key);
      else define(object, key, copyOf(value, `${path}.${String(key)}`));
      changed();
      return true;
    },
    defineProperty(object, key, descriptor): boolean {
      check(descriptor.value, `${path}.${String(key)}`, []);
      changed();
      return Reflect.defineProperty(object, key, descriptor);
    },
    deleteProperty(object, key): boolean {
      changed();
      return Reflect.deleteProperty(object, key);
    },
  });
