/** What an application imports. */
export {
  type Action,
  ActionError,
  type ActionInfo,
  type ActionMiddleware,
  type ActionRun,
  type ActionTypes,
  defineAction,
} from "./actions/index.ts";
export type {
  Api,
  Connection,
  ConnectionsApi,
  DisconnectOptions,
  MemberView,
  RoomsApi,
  RoomView,
} from "./api.ts";
export { systemClock, systemRandom } from "./clock.ts";
export { type Config, ConfigError, type ConfigInput, defineConfig } from "./config/index.ts";
export type { Engine } from "./engine/contract.ts";
export { memoryEngine } from "./engine/memory/engine.ts";
export { MemoryStore, type MemoryStoreOptions } from "./engine/memory/store.ts";
export {
  type AuthenticateRequest,
  type ChannelRequest,
  defineHooks,
  type Expiring,
  expiring,
  type Hooks,
  Refusal,
  type RoomVerb,
} from "./hooks.ts";
export type { Clock, Json, Log, Random } from "./ports.ts";
export { type ActionwireServer, createServer, type ServerOptions } from "./server.ts";
