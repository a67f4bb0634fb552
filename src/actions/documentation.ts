import type { StandardJSONSchemaV1 } from "@standard-schema/spec";
import type { Action } from "./action.ts";
import type { ActionInfo, InputInfo } from "./action-info.ts";

/** The traditional shape: action → version → what is told about it. */
export type Documentation = Readonly<Record<string, Readonly<Record<string, ActionInfo>>>>;

interface ObjectSchema {
  readonly properties?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  readonly required?: readonly string[];
}

/** JSON Schema of the inputs, where the schema library offers it (Standard JSON Schema). */
const jsonSchema = (inputs: Action["inputs"]): ObjectSchema => {
  const standard = inputs?.["~standard"] as Partial<StandardJSONSchemaV1.Props> | undefined;
  try {
    // Some types (a Date, a transformation) have no JSON Schema, and libraries then throw.
    return (
      standard?.jsonSchema?.input({ target: "draft-2020-12", libraryOptions: { unrepresentable: "any" } }) ??
      {}
    );
  } catch {
    return {};
  }
};

const inputsOf = (inputs: Action["inputs"]): Record<string, InputInfo> => {
  const { properties = {}, required = [] } = jsonSchema(inputs);
  return Object.fromEntries(
    Object.entries(properties).map(([name, about]) => [
      name,
      { required: required.includes(name), ...about },
    ]),
  );
};

export const describeAction = (action: Action): ActionInfo => ({
  name: action.name,
  version: action.version,
  description: action.description,
  inputs: inputsOf(action.inputs),
  ...(action.outputExample === undefined ? {} : { outputExample: action.outputExample }),
  idempotent: action.idempotent,
  journal: action.journal,
});
