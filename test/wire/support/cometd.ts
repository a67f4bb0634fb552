/** The stock CometD client, in Node. */
import { createRequire } from "node:module";
import { runScript } from "./by-hand.ts";
import type { Driver, OpenDriver } from "./driver.ts";
import { ask } from "./http.ts";
import { type Message, minted } from "./messages.ts";

type Done = (reply: Message) => void;

export interface CometdClient {
  configure(options: object): void;
  unregisterTransport(name: string): unknown;
  registerExtension(name: string, extension: object): boolean;
  addListener(channel: string, heard: Done): unknown;
  handshake(done: Done): void;
  subscribe(channel: string, heard: Done, done: Done): unknown;
  publish(channel: string, data: unknown, done: Done): void;
  disconnect(done: Done): void;
  isDisconnected(): boolean;
}

export type CometdTransport = "websocket" | "long-polling" | "callback-polling";
const TRANSPORTS: readonly CometdTransport[] = ["websocket", "long-polling", "callback-polling"];

const require = createRequire(import.meta.url);
const { CometD } = require("cometd") as { CometD: new () => CometdClient };
(require("cometd-nodejs-client") as { adapt(): void }).adapt();

interface Script {
  src: string;
  onerror?: (event: { type: string }) => void;
}

/** As much of a page as the callback-polling transport touches: a script that is put in is fetched and run. */
function adaptScripts(): void {
  const { window } = globalThis as unknown as { window: Record<string, unknown> };
  const load = async (script: Script): Promise<void> => {
    const name = new URL(script.src).searchParams.get("jsonp")!;
    // Every client counts its callbacks from 0, on one window: this one's is the one that is there now.
    const callback = window[name] as (messages: Message[]) => void;
    try {
      const { status, body } = await ask(script.src);
      if (status !== 200) throw new Error(`${status}: ${body}`);
      callback(runScript(body, name));
    } catch {
      script.onerror?.({ type: "error" });
    }
  };
  const head = { appendChild: (script: Script) => void load(script), removeChild: () => {} };
  window.document = {
    getElementsByTagName: () => [head],
    createElement: (): Script => ({ src: "" }),
  };
}
adaptScripts();

const errorOf = (reply: Message): string | null => (reply.successful === true ? null : String(reply.error));

export function newCometd(base: string, transport: CometdTransport): CometdClient {
  const client = new CometD();
  for (const other of TRANSPORTS) if (other !== transport) client.unregisterTransport(other);
  client.configure({ url: `${base}/faye`, logLevel: "error" });
  return client;
}

export function shake(client: CometdClient): Promise<Message> {
  return new Promise((resolve) => client.handshake(resolve));
}

export function cometdDriver(client: CometdClient, connectionId: string, transport: string): Driver {
  return {
    connectionId,
    transport,
    subscribe: (channel, heard) =>
      new Promise((resolve) =>
        client.subscribe(
          channel,
          // Replies to publishes are shown to a channel's subscribers too.
          (message) => "data" in message && heard(message.data as Message),
          (reply) => resolve(errorOf(reply)),
        ),
      ),
    publish: (channel, data) =>
      new Promise((resolve) => client.publish(channel, data, (reply) => resolve(errorOf(reply)))),
    close: () =>
      new Promise((resolve) => {
        if (client.isDisconnected()) resolve();
        else client.disconnect(() => resolve());
      }),
  };
}

export function openCometd(transport: CometdTransport): OpenDriver {
  return async (base) => {
    const client = newCometd(base, transport);
    const { connectionId } = minted(await shake(client));
    return cometdDriver(client, connectionId, transport);
  };
}
