export { type Closable, closeAll } from "./close-all.ts";
export { type Collector, collector } from "./collector.ts";
export { type EventuallyOptions, eventually } from "./eventually.ts";
export { type Exit, freePort, type ServerProcess, type SpawnOptions, spawnServer } from "./process.ts";
export { type ChaosProxy, createProxy } from "./proxy.ts";
export { RedisServer } from "./redis-server.ts";
