/** What somebody who writes or runs an engine needs. */
export * from "./contract.ts";
export {
  type Faults,
  type FaultyEngine,
  type FaultyOptions,
  faulty,
  NO_FAULTS,
  ROUGH,
  type Tally,
  withoutDeduplication,
  withoutFences,
  withoutGaps,
} from "./faulty.ts";
export { memoryEngine } from "./memory/engine.ts";
export { MemoryStore, type MemoryStoreOptions } from "./memory/store.ts";
export { redisEngine } from "./redis/engine.ts";
export type { RedisAddress, RedisEngineOptions } from "./redis/options.ts";
export { applicable, type Backend, engineRules, type Harness, type Rule } from "./suite/index.ts";
