/** What one input is, as far as its schema library can tell (JSON Schema fields beside `required`). */
export interface InputInfo extends Readonly<Record<string, unknown>> {
  readonly required: boolean;
}

/** What is told about an action. */
export interface ActionInfo {
  readonly name: string;
  readonly version: string;
  readonly description: string;
  readonly inputs: Readonly<Record<string, InputInfo>>;
  readonly outputExample?: Readonly<Record<string, unknown>>;
  readonly idempotent: boolean;
  readonly journal: boolean;
}
