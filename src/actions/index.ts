export {
  type Action,
  type ActionMiddleware,
  type ActionRun,
  type ActionTypes,
  defineAction,
  isAction,
} from "./action.ts";
export { ActionError } from "./action-error.ts";
export type { ActionInfo } from "./action-info.ts";
export type { Documentation } from "./documentation.ts";
export { type ErrorCode, errorTable, failure, failureFields, tooManyPending } from "./errors.ts";
export { createRunner, type Runner, type RunnerOptions } from "./runner.ts";
export type { ActionCall, ActionFailure, ActionOutcome, ActionRunner } from "./runner-contract.ts";
