import { z } from "zod";

/** What is told about a setting beside its type: the row in docs/configuration.md and the text of a refusal come from here. */
export interface About {
  readonly description: string;
  /** Of a number; written behind the default in the reference. */
  readonly unit?: "ms" | "s" | "bytes";
  /** Environment variable that overrides the setting. */
  readonly env?: string;
  /** What a good value is, where the type alone cannot say. */
  readonly expects?: string;
  /** Never shown in a message, not even when refused. */
  readonly secret?: boolean;
}

/** One setting: its type, its default and what is said about it. */
export const setting = <S extends z.ZodType>(
  type: S,
  byDefault: z.output<S>,
  about: About,
): z.ZodDefault<S> =>
  // zod wants the default without `undefined` in its type, which a generic cannot prove.
  type.default(byDefault as z.core.util.NoUndefined<z.output<S>>).meta({ ...about });

/** A block of settings: absent means every default, an unknown key is refused. */
export const block = <S extends z.ZodRawShape>(description: string, shape: S) =>
  z
    .strictObject(shape)
    .prefault({} as z.input<z.ZodObject<S, z.core.$strict>>)
    .meta({ description });

type Node = Readonly<Record<string, unknown>>;

const isNode = (value: unknown): value is Node =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const bounds = (noun: string, { minimum, exclusiveMinimum, maximum }: Node): string => {
  if (typeof exclusiveMinimum === "number") {
    return `${noun} above ${exclusiveMinimum}${typeof maximum === "number" ? ` and up to ${maximum}` : ""}`;
  }
  const least = typeof minimum === "number" && minimum > Number.MIN_SAFE_INTEGER ? minimum : undefined;
  const most = typeof maximum === "number" && maximum < Number.MAX_SAFE_INTEGER ? maximum : undefined;
  if (least !== undefined && most !== undefined) return `${noun} from ${least} to ${most}`;
  if (least !== undefined) return `${noun} of at least ${least}`;
  return most === undefined ? noun : `${noun} of at most ${most}`;
};

const list = (texts: readonly string[]): string =>
  texts.length < 2 ? texts.join("") : `${texts.slice(0, -1).join(", ")} or ${texts.at(-1)}`;

const describeNode = (node: Node): string => {
  if (typeof node.expects === "string") return node.expects;
  if (Array.isArray(node.anyOf)) return list(node.anyOf.filter(isNode).map(describeNode));
  if (Array.isArray(node.enum)) return `one of ${list(node.enum.map((value) => JSON.stringify(value)))}`;
  if ("const" in node) return JSON.stringify(node.const);
  switch (node.type) {
    case "integer":
      return bounds("a whole number", node);
    case "number":
      return bounds("a number", node);
    case "boolean":
      return "true or false";
    case "string":
      return node.minLength === undefined ? "a text" : "a text that is not empty";
    case "null":
      return "null";
    case "array":
      return `a list, each item ${isNode(node.items) ? describeNode(node.items) : "anything"}`;
    default:
      return "an object";
  }
};

/** In words, what a type accepts: "a whole number from 0 to 65535". Derived, so that it cannot differ from the check. */
export const expectation = (type: z.ZodType): string =>
  describeNode(z.toJSONSchema(type, { io: "input", unrepresentable: "any" }));
