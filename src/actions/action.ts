import type { StandardSchemaV1 } from "@standard-schema/spec";
import type { Api, Connection } from "../api.ts";

type MaybePromise<T> = T | Promise<T>;
type Response = Record<string, unknown>;

/** The schema of an action that declares no `inputs`: whatever was sent. */
export type AnyInputs = StandardSchemaV1<Record<string, unknown>, Record<string, unknown>>;

/** What an action is run with. */
export interface ActionRun<Params> {
  readonly params: Params;
  readonly connection: Connection;
  readonly api: Api;
  /** Aborted when nobody waits for the answer any more: past the timeout, or when the node stops. */
  readonly signal: AbortSignal;
  /** The same for each repeat of one call: key for the application's own store. */
  readonly idempotencyKey: string;
}

/** Around one action. A throw ends it, as a throw of the action itself would. */
export interface ActionMiddleware {
  /** Before the action, once the inputs are valid. */
  before?(call: ActionRun<unknown>): MaybePromise<void>;
  /** After an action that succeeded; may replace the response by returning one. */
  // biome-ignore lint/suspicious/noConfusingVoidType: most return nothing at all
  after?(call: ActionRun<unknown> & { readonly response: Response }): MaybePromise<Response | void>;
}

/** What {@link defineAction} takes. */
export interface ActionDefinition<Name extends string, Inputs extends StandardSchemaV1, Answer> {
  readonly name: Name;
  readonly description: string;
  /** Several actions may share a name when their versions differ; a call picks one with `apiVersion`, else gets the newest. Default "1". */
  readonly version?: string | number;
  /** A schema of any Standard Schema library: zod, valibot, arktype … */
  readonly inputs?: Inputs;
  readonly outputExample?: Response;
  /** It may be run again when it is unknown whether it ran. */
  readonly idempotent?: boolean;
  /** Its reply is stored, and given again to a repeat, on any node. */
  readonly journal?: boolean;
  /** Milliseconds; default `general.actionTimeout`. */
  readonly timeout?: number;
  readonly middleware?: readonly ActionMiddleware[];
  run(call: ActionRun<StandardSchemaV1.InferOutput<Inputs>>): Answer;
}

/** An action, checked. Made by {@link defineAction}. */
export interface Action<
  Name extends string = string,
  Inputs extends StandardSchemaV1 = StandardSchemaV1,
  Answer = unknown,
> {
  readonly name: Name;
  readonly description: string;
  readonly version: string;
  readonly inputs: Inputs | undefined;
  readonly outputExample: Response | undefined;
  readonly idempotent: boolean;
  readonly journal: boolean;
  readonly timeout: number | undefined;
  readonly middleware: readonly ActionMiddleware[];
  // A method, not a property: an action of some inputs is an `Action` too.
  run(call: ActionRun<StandardSchemaV1.InferOutput<Inputs>>): Answer;
}

/** From actions to what a client sends and gets, by name: the types of a client without generated code. */
export type ActionTypes<Actions extends readonly Action[]> = {
  [A in Actions[number] as A["name"]]: {
    input: StandardSchemaV1.InferInput<NonNullable<A["inputs"]>>;
    output: Awaited<ReturnType<A["run"]>>;
  };
};

const refuse = (name: unknown, what: string, got: unknown): never => {
  const shown = typeof got === "function" ? "a function" : (JSON.stringify(got) ?? typeof got);
  throw new TypeError(`action ${JSON.stringify(name) ?? "without a name"}: ${what}, got ${shown}`);
};

const isStandardSchema = (value: unknown): value is StandardSchemaV1 =>
  // Some libraries' schemas are functions.
  ((typeof value === "object" && value !== null) || typeof value === "function") &&
  typeof (value as Partial<StandardSchemaV1>)["~standard"]?.validate === "function";

const known = new Set<string>([
  "name",
  "description",
  "version",
  "inputs",
  "outputExample",
  "idempotent",
  "journal",
  "timeout",
  "middleware",
  "run",
]);

const check = (definition: ActionDefinition<string, StandardSchemaV1, unknown>): void => {
  const { name, description, version, inputs, timeout, middleware, run } = definition;
  if (typeof name !== "string" || !/^[\w.:-]{1,100}$/.test(name)) {
    refuse(name, "`name` must be 1 to 100 letters, digits, or _ . : -", name);
  }
  if (typeof description !== "string") refuse(name, "`description` must be a text", description);
  if (version !== undefined && !/^[\w.-]{1,40}$/.test(String(version))) {
    refuse(name, "`version` must be a number or a short text", version);
  }
  if (inputs !== undefined && !isStandardSchema(inputs)) {
    refuse(name, "`inputs` must be a schema of a Standard Schema library (zod, valibot, arktype …)", inputs);
  }
  if (timeout !== undefined && !(Number.isFinite(timeout) && timeout > 0)) {
    refuse(name, "`timeout` must be milliseconds above 0", timeout);
  }
  if (middleware !== undefined && !Array.isArray(middleware)) {
    refuse(name, "`middleware` must be a list", middleware);
  }
  if (typeof run !== "function") refuse(name, "`run` must be a function", run);
  const stranger = Object.keys(definition).find((key) => !known.has(key));
  if (stranger) refuse(name, `has ${[...known].map((key) => `\`${key}\``).join(", ")}`, stranger);
};

/**
 * Defines a named, validated function of the application. The type of `params` follows from `inputs`.
 *
 * @throws {TypeError} when a part is not what it must be
 */
export const defineAction = <
  const Name extends string,
  Inputs extends StandardSchemaV1 = AnyInputs,
  Answer = unknown,
>(
  definition: ActionDefinition<Name, Inputs, Answer>,
): Action<Name, Inputs, Answer> => {
  check(definition as unknown as ActionDefinition<string, StandardSchemaV1, unknown>);
  return Object.freeze({
    name: definition.name,
    description: definition.description,
    version: String(definition.version ?? "1"),
    inputs: definition.inputs,
    outputExample: definition.outputExample,
    idempotent: definition.idempotent ?? false,
    journal: definition.journal ?? false,
    timeout: definition.timeout,
    middleware: definition.middleware ?? [],
    run: (call: ActionRun<StandardSchemaV1.InferOutput<Inputs>>) => definition.run(call),
    [brand]: true,
  });
};

/** Actions may come from another copy of this package, so it is a registered symbol and not `instanceof`. */
const brand = Symbol.for("actionwire.action");

/** Was this made by {@link defineAction}? */
export const isAction = (value: unknown): value is Action =>
  typeof value === "object" && value !== null && Reflect.get(value, brand) === true;
