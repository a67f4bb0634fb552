import type { FayeModule } from "./faye.ts";

/**
 * The `faye` package, in Node. Neither `faye` nor `node:module` is imported by name, so no bundler ever follows it
 * into a browser bundle, and no `browser` condition is needed.
 */
export function nodeFaye(): FayeModule | undefined {
  if (typeof process === "undefined" || typeof process.getBuiltinModule !== "function") return undefined;
  const { createRequire } = process.getBuiltinModule("node:module");
  return createRequire(import.meta.url)("faye") as FayeModule;
}
