/** A server in this process, a proxy before it, and clients of ours on either side of the proxy. */
import assert from "node:assert/strict";
import type { TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import {
  ActionHeroWebSocket,
  type ClientOptions,
  type Disconnected,
  type Message,
  type Reconnected,
  type State,
} from "../../src/client/index.ts";
import type { ServerOptions } from "../../src/server.ts";
import { type ChaosProxy, type Closable, closeAll, createProxy, eventually } from "../support/index.ts";
import { startServer, type TestServer } from "../support/server.ts";

export const ROOM = "defaultRoom";

/** Which transports a client may use: one alone, or all of them, changing as it sees fit. */
export const TRANSPORTS: readonly (readonly [name: string, options: ClientOptions])[] = [
  ["websocket", { transports: ["websocket"] }],
  ["long-polling", { transports: ["long-polling"] }],
  ["any transport", {}],
];

export interface Fired {
  readonly name: "connect" | "welcome" | "api" | "alert" | "disconnect" | "reconnect" | "gap";
  readonly value: Message & Partial<Disconnected & Reconnected>;
  readonly state: State;
  /** How many numbers had been heard before. */
  readonly heard: number;
}

/** A client and all that it was told. */
export interface Player {
  readonly client: ActionHeroWebSocket;
  /** Room messages in the order of their arrival. */
  readonly said: Message[];
  /** Every other event in the order in which they were fired. */
  readonly fired: Fired[];
  /** The numbers among what was said; announcements are none. */
  numbers(room?: string): number[];
  /** What was said that begins so. */
  words(prefix: string): string[];
  names(): string[];
  gaps(): unknown[];
  /** Forgets the events so far. */
  forget(): void;
}

export interface Stage {
  readonly server: TestServer;
  readonly proxy: ChaosProxy;
  /** How many handshakes the server has seen. */
  handshakes(): number;
  /** A connected client; through the proxy unless told otherwise. */
  join(options?: ClientOptions): Promise<Player>;
  /** Closes it when the test is over, before what was opened earlier. */
  own<T extends Closable>(thing: T): T;
}

export function player(options: ClientOptions): Player {
  const client = new ActionHeroWebSocket(options);
  const said: Message[] = [];
  const fired: Fired[] = [];
  const numbers = (room?: string) =>
    said
      .filter((message) => room === undefined || message.room === room)
      .map(({ message }) => String(message))
      .filter((text) => /^\d+$/.test(text))
      .map(Number);
  const note = (name: Fired["name"]) => (value: Fired["value"]) =>
    fired.push({ name, value, state: client.state, heard: numbers().length });
  client.events = {
    say: (message) => said.push(message),
    connect: note("connect"),
    welcome: note("welcome"),
    api: note("api"),
    alert: note("alert"),
    gap: note("gap"),
    disconnect: (info) => note("disconnect")({ ...info }),
    reconnect: (info) => note("reconnect")({ ...info }),
  };
  return {
    client,
    said,
    fired,
    numbers,
    words: (prefix) => said.map(({ message }) => String(message)).filter((text) => text.startsWith(prefix)),
    names: () => fired.map(({ name }) => name),
    gaps: () => fired.filter(({ name }) => name === "gap").map(({ value }) => value.gap),
    forget: () => {
      fired.length = 0;
    },
  };
}

export async function stage(t: TestContext, options: ServerOptions = {}): Promise<Stage> {
  let handshakes = 0;
  const server = await startServer({
    ...options,
    hooks: {
      ...options.hooks,
      authenticate: (request) => {
        handshakes += 1;
        return options.hooks?.authenticate?.(request) ?? null;
      },
    },
  });
  const proxy = await createProxy(server.port);
  const things: Closable[] = [server, proxy];
  const players: Player[] = [];
  t.after(async () => {
    await Promise.all(players.map(({ client }) => client.disconnect()));
    await closeAll(...things);
  });
  return {
    server,
    proxy,
    handshakes: () => handshakes,
    async join(wanted = {}) {
      const joined = player({ host: proxy.url, ...wanted });
      players.push(joined);
      await joined.client.connect();
      return joined;
    },
    own(thing) {
      things.push(thing);
      return thing;
    },
  };
}

export const range = (from: number, to: number): number[] =>
  Array.from({ length: to - from }, (_, index) => from + index);

/** Calls `act` with 0, 1, 2 …, one every `pause` milliseconds, each after the one before is done. */
export async function each(count: number, pause: number, act: (n: number) => unknown): Promise<void> {
  for (let n = 0; n < count; n += 1) {
    await act(n);
    await sleep(pause);
  }
}

/** Waits until exactly these have been heard, in this order; a number too many fails at once. */
export async function hears(who: Player, expected: readonly number[], room?: string): Promise<void> {
  const fits = () => {
    const heard = who.numbers(room);
    const wrong = heard.findIndex((n, index) => n !== expected[index]);
    if (wrong >= 0) return `${heard[wrong]} came where ${expected[wrong]} was due`;
    if (heard.length < expected.length) throw new Error(`${heard.length} of ${expected.length} have come`);
    return "all";
  };
  assert.equal(await eventually(fits, { timeout: 20_000 }), "all");
}
