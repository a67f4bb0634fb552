import { ActionHeroWebSocket } from "./client.ts";
import { setFayeFallback } from "./faye.ts";
import { nodeFaye } from "./node-faye.ts";

setFayeFallback(nodeFaye);

export type { ActionMap, Answer, Callback, ReplyOf } from "./client.ts";
export type { Clock } from "./clock.ts";
export { ClientError } from "./errors.ts";
export type { Disconnected, Events, Reconnected } from "./events.ts";
export type { FayeModule } from "./faye.ts";
export type { ClientOptions } from "./options.ts";
export type { State } from "./session.ts";
export type { Message } from "./wire.ts";
export { ActionHeroWebSocket, ActionHeroWebSocket as actionHeroWebSocket };
export default ActionHeroWebSocket;
