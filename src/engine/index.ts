/** What somebody who writes or runs an engine needs. */
export * from "./contract.ts";
export { memoryEngine } from "./memory/engine.ts";
export { MemoryStore, type MemoryStoreOptions } from "./memory/store.ts";
