/** The stock Faye client for Node. */
import { createRequire } from "node:module";
import type { Driver, OpenDriver } from "./driver.ts";
import { type Message, minted } from "./messages.ts";

type Listener = (message: Message) => void;

interface FayeError {
  readonly code: number | null;
  readonly params: readonly string[];
  readonly message: string;
}

interface Subscription extends PromiseLike<void> {
  cancel(): void;
}

export interface FayeClient {
  disable(feature: string): void;
  addExtension(extension: {
    incoming?(message: Message, next: Listener): void;
    outgoing?(message: Message, next: Listener): void;
  }): void;
  setHeader(name: string, value: string): void;
  on(event: "transport:up" | "transport:down", listener: () => void): void;
  subscribe(channel: string, heard: (data: Message) => void): Subscription;
  publish(channel: string, data: unknown): PromiseLike<void>;
  disconnect(): PromiseLike<void> | undefined;
}

const require = createRequire(import.meta.url);
const faye = require("faye") as {
  Client: new (url: string, options?: object) => FayeClient;
};

export const newFaye = (base: string, options: object = {}): FayeClient =>
  new faye.Client(`${base}/faye`, options);

/** The error as it was on the wire: Faye takes it apart. */
async function errorOf(promise: PromiseLike<void>): Promise<string | null> {
  try {
    await promise;
    return null;
  } catch (failed) {
    const { code, params, message } = failed as FayeError;
    return code === null ? message : `${code}:${params.join(",")}:${message}`;
  }
}

/** Resolves with the first handshake's reply; the client handshakes with its first message. */
export function onHandshake(client: FayeClient): Promise<Message> {
  return new Promise((resolve) => {
    client.addExtension({
      incoming(message, next) {
        if (message.channel === "/meta/handshake") resolve(message);
        next(message);
      },
    });
  });
}

export function fayeDriver(client: FayeClient, connectionId: string, transport: string): Driver {
  return {
    connectionId,
    transport,
    subscribe: (channel, heard) => errorOf(client.subscribe(channel, heard)),
    publish: (channel, data) => errorOf(client.publish(channel, data)),
    async close() {
      await client.disconnect();
    },
  };
}

/** `options` are made for each client: Faye writes the address it connects to into them. */
export function openFaye(
  transport: "websocket" | "long-polling",
  options: () => object = () => ({}),
): OpenDriver {
  return async (base) => {
    const client = newFaye(base, options());
    if (transport === "long-polling") client.disable("websocket");
    const shaken = onHandshake(client);
    const greeted = client.publish("/_welcome", "hello");
    const { connectionId } = minted(await shaken);
    await greeted;
    return fayeDriver(client, connectionId, transport);
  };
}
