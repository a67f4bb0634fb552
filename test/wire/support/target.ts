import { setTimeout as sleep } from "node:timers/promises";
import type { ServerOptions } from "../../../src/server.ts";
import type { TestServer } from "../../support/server.ts";
import { startApp } from "./app.ts";
import { HttpDoor, Socket } from "./door.ts";
import { FOREIGN } from "./judged.ts";
import { publish } from "./messages.ts";
import { metricIs } from "./metrics.ts";

/** A server that is judged. */
export interface Target {
  readonly url: string;
  /** What it is in this process. Throws for one that is not ours. */
  readonly own: TestServer;
  /** Publishes, in one unit, from a session that does nothing else. */
  publish(channel: string, ...data: readonly unknown[]): Promise<void>;
  /** Until the server sees it so; one that is not ours is given a moment. */
  until(metric: string, value: number): Promise<void>;
  close(): Promise<void>;
}

/** Opens the server that is judged; `options` are for one of ours. */
export async function openTarget(options: ServerOptions = {}): Promise<Target> {
  const own = FOREIGN ? null : await startApp({ hooks: { authorizeChannel: () => true }, ...options });
  const url = own ? own.url : FOREIGN!.origin;
  const door = new HttpDoor(url);
  let speaker: Promise<string> | undefined;
  return {
    url,
    get own() {
      if (!own) throw new Error("this needs a server of ours");
      return own;
    },
    async publish(channel, ...data) {
      speaker ??= door.session();
      const clientId = await speaker;
      const replies = await door.send(data.map((one) => publish(clientId, channel, one)));
      if (replies.some(({ successful }) => successful !== true))
        throw new Error(`not published: ${JSON.stringify(replies)}`);
    },
    async until(name, value) {
      if (own) await metricIs(url, name, value);
      else await sleep(300);
    },
    close: () => (own ? own.close() : Socket.closeAll()),
  };
}
