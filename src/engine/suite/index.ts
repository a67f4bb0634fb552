import { connectionRules } from "./connections.ts";
import { faultRules } from "./faults.ts";
import type { Rule } from "./harness.ts";
import { lineRules } from "./lines.ts";
import { logRules } from "./logs.ts";
import { memberRules } from "./members.ts";
import { nodeRules } from "./nodes.ts";
import { publisherRules } from "./publishers.ts";
import { sharedRules } from "./shared.ts";

export { applicable, type Backend, type Harness, type Rule } from "./harness.ts";

/** Every rule that an engine must keep, by number. Independent of any test runner: a rule that is broken rejects. */
export const engineRules: readonly Rule[] = [
  ...logRules,
  ...publisherRules,
  ...memberRules,
  ...connectionRules,
  ...lineRules,
  ...nodeRules,
  ...sharedRules,
  ...faultRules,
];
