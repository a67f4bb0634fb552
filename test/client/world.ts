import type { TestContext } from "node:test";
import FakeTimers from "@sinonjs/fake-timers";
import { ActionHeroWebSocket, type ClientOptions, type Message } from "../../src/client/index.ts";
import { MemoryServer } from "./memory-server.ts";
import { replaceNetwork } from "./network.ts";

export interface World {
  readonly server: MemoryServer;
  readonly client: ActionHeroWebSocket;
  /** Names of the events in the order in which they were fired, with what they brought. */
  readonly fired: { readonly name: string; readonly value: unknown }[];
  readonly said: string[];
  tick(ms: number): Promise<unknown>;
  names(): string[];
  another(options?: ClientOptions): ActionHeroWebSocket;
}

/** A server in memory, a client of it, and time that stands still unless told otherwise. */
export function world(t: TestContext, options: ClientOptions = {}): World {
  const time = FakeTimers.install({ toFake: ["setTimeout", "clearTimeout", "Date"] });
  const server = new MemoryServer();
  const uninstall = replaceNetwork(server);
  const clients: ActionHeroWebSocket[] = [];
  t.after(async () => {
    server.blackHole = false;
    const gone = clients.map((client) => client.disconnect());
    await time.tickAsync(5_000);
    await Promise.all(gone);
    uninstall();
    time.uninstall();
  });
  const another = (more: ClientOptions = {}) => {
    const client = new ActionHeroWebSocket({ host: "http://server", ...more });
    clients.push(client);
    return client;
  };
  const client = another(options);
  const fired: { name: string; value: unknown }[] = [];
  const said: string[] = [];
  for (const name of [
    "connect",
    "disconnect",
    "reconnect",
    "say",
    "api",
    "welcome",
    "alert",
    "gap",
  ] as const) {
    client.events[name] = (value: unknown) => {
      fired.push({ name, value });
      if (name === "say") said.push(String((value as Message).message));
    };
  }
  return {
    server,
    client,
    fired,
    said,
    tick: (ms) => time.tickAsync(ms),
    names: () => fired.map(({ name }) => name),
    another,
  };
}

/** Connects, and lets the WebSocket take over. */
export async function connected(w: World): Promise<void> {
  w.client.connect();
  await w.tick(100);
}

/** What became of a promise, without waiting for it. */
export function outcome(promise: Promise<Message>): { code?: string; reply?: Message } {
  const box: { code?: string; reply?: Message } = {};
  promise.then(
    (reply) => {
      box.reply = reply;
    },
    (error: { code: string }) => {
      box.code = error.code;
    },
  );
  return box;
}
