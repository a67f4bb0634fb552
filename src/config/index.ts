export type { Config, ConfigInput } from "./declaration.ts";
export { logLevels, transportNames, verbNames } from "./declaration.ts";
export { nearest } from "./nearest.ts";
export { ConfigError, defineConfig, resolveConfig } from "./resolve.ts";
