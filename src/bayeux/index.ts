export * from "./advice.ts";
export * from "./errors.ts";
export * from "./grammar.ts";
export * from "./limits.ts";
export * from "./messages.ts";
export * from "./parse.ts";
export { Refused } from "./refused.ts";
export * from "./replies.ts";
export * from "./unit.ts";
