import { ActionHeroWebSocket } from "./client.ts";

/** The entry of the plain script: `/public/javascript/actionHeroWebSocket.js`. */
(window as unknown as { actionHeroWebSocket: unknown }).actionHeroWebSocket = ActionHeroWebSocket;
