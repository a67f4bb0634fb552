/**
 * Input that nobody would send, on every way in, against a server of this process; meanwhile two clients chat in a room that is
 * not for the others. Whatever comes, they are served, hear each other and nobody else, and nobody else hears them.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import { WebSocket } from "ws";
import { defineAction } from "../../src/actions/index.ts";
import { ActionHeroWebSocket } from "../../src/client/index.ts";
import { seededRandom } from "../../src/testing/fake-clock.ts";
import { Dice } from "../simulation/time.ts";
import { eventually } from "../support/eventually.ts";
import { startServer, type TestServer } from "../support/server.ts";
import {
  connect,
  disconnect,
  handshake,
  lineOf,
  type Message,
  minted,
  publish,
  subscribe,
  unsubscribe,
} from "../wire/support/messages.ts";
import { garbled, mutated } from "./mutate.ts";

const MEMBER = "a credential";
const STAFF = "staff";
/** In everything that is said in the room, and in nothing else. */
const MARK = "between-us";
/** Milliseconds that anything may take. */
const PATIENCE = 10_000;
const VERBS = [
  "say",
  "roomChange",
  "roomView",
  "listenToRoom",
  "silenceRoom",
  "detailsView",
  "documentation",
];

export interface FuzzOptions {
  readonly seed: number;
  /** How many units are sent. */
  readonly units: number;
}

interface Session {
  readonly clientId: string;
  readonly line: string;
}

class Fuzzer {
  readonly #server: TestServer;
  readonly #dice: Dice;
  #sessions: Session[] = [];
  #socket: WebSocket | null = null;
  /** What came back, of every kind. */
  readonly statuses = new Map<string, number>();

  constructor(server: TestServer, dice: Dice) {
    this.#server = server;
    this.#dice = dice;
  }

  async one(): Promise<void> {
    const dice = this.#dice;
    if (this.#sessions.length === 0 || dice.chance(0.03)) await this.#begin();
    const messages = Array.from({ length: dice.chance(0.8) ? 1 : dice.between(2, 5) }, () => this.#message());
    let unit: unknown = messages;
    for (let changes = dice.between(0, 3); changes > 0; changes -= 1) unit = mutated(unit, dice);
    const text = JSON.stringify(unit) ?? "undefined";
    const bytes = dice.chance(0.3) ? garbled(text, dice) : Buffer.from(text);
    const [name, send] = dice.pick(this.#ways);
    const outcome = await send(bytes);
    const seen = `${name}: ${outcome}`;
    this.statuses.set(seen, (this.statuses.get(seen) ?? 0) + 1);
  }

  async close(): Promise<void> {
    this.#socket?.terminate();
  }

  async #begin(): Promise<void> {
    const response = await this.#ask("/faye", { body: JSON.stringify([handshake()]) });
    const { clientId, connectionId } = minted(((await response.json()) as Message[])[0]!);
    this.#sessions = [...this.#sessions, { clientId, line: lineOf(connectionId) }].slice(-5);
  }

  #message(): Message {
    const dice = this.#dice;
    const { clientId, line } = dice.pick(this.#sessions);
    const room = dice.chance(0.5) ? STAFF : "defaultRoom";
    const say = { event: dice.pick(VERBS), room, message: "from nobody", messageId: dice.between(0, 9) };
    const action = {
      event: "action",
      params: { action: dice.pick(["echo", "none"]), a: dice.between(0, 9) },
    };
    return dice.pick([
      handshake(),
      connect(clientId, { advice: { timeout: 0 } }),
      subscribe(clientId, line),
      subscribe(clientId, dice.pick(["/news", "/**", `${line.slice(0, -36)}*`, line.slice(0, -1)])),
      unsubscribe(clientId, line),
      publish(clientId, line, say),
      publish(clientId, line, action),
      publish(clientId, dice.pick(this.#sessions).line, say),
      ...(dice.chance(0.1) ? [disconnect(clientId)] : []),
    ]);
  }

  #ask(path: string, init: RequestInit): Promise<Response> {
    const headers = { "Content-Type": "application/json", ...init.headers };
    const signal = AbortSignal.timeout(PATIENCE);
    return fetch(`${this.#server.url}${path}`, { method: "POST", ...init, headers, signal });
  }

  /** An answer is whole, and holds nothing that is not for whoever asked. */
  async #answer(asked: Promise<Response>): Promise<string> {
    const response = await asked;
    this.#harmless(await response.text());
    assert.ok(response.status < 500 || response.status === 503, `status ${response.status}`);
    return String(response.status);
  }

  #harmless(text: string): void {
    assert.ok(!text.includes(MARK), `somebody heard what was not for him: ${text.slice(0, 500)}`);
  }

  async #open(): Promise<WebSocket> {
    if (this.#socket?.readyState === WebSocket.OPEN) return this.#socket;
    const socket = new WebSocket(`${this.#server.url.replace("http", "ws")}/faye`);
    socket.on("error", () => {});
    socket.on("message", (data) => this.#harmless(String(data)));
    await once(socket, "open");
    this.#socket = socket;
    return socket;
  }

  readonly #ways: readonly (readonly [string, (bytes: Buffer) => Promise<string>])[] = [
    ["json", (body) => this.#answer(this.#ask("/faye", { body: new Uint8Array(body) }))],
    [
      "form",
      (bytes) =>
        this.#answer(
          this.#ask("/faye", {
            body: `message=${encodeURIComponent(bytes.toString("latin1"))}`,
            headers: { "Content-Type": "application/x-www-form-urlencoded" },
          }),
        ),
    ],
    [
      "jsonp",
      (bytes) => {
        const message = encodeURIComponent(bytes.toString("latin1").slice(0, 4_000));
        const jsonp = encodeURIComponent(this.#dice.pick(["f", "a.b[0]", "alert(1)//", "__proto__"]));
        return this.#answer(this.#ask(`/faye?message=${message}&jsonp=${jsonp}`, { method: "GET" }));
      },
    ],
    [
      "path",
      (bytes) =>
        this.#answer(
          this.#ask(`/faye/${encodeURIComponent(bytes.toString("latin1").slice(0, 300))}`, { method: "GET" }),
        ),
    ],
    [
      "action",
      () => {
        const text = JSON.stringify(mutated({ a: 1, b: { c: [] }, d: "e" }, this.#dice)) ?? "";
        const body = this.#dice.chance(0.3) ? garbled(text, this.#dice) : Buffer.from(text);
        const name = this.#dice.pick(["echo", "echo", "x"]);
        return this.#answer(this.#ask(`/api/${name}`, { body: new Uint8Array(body) }));
      },
    ],
    [
      "socket",
      async (bytes) => {
        const socket = await this.#open();
        const binary = this.#dice.chance(0.2);
        socket.send(binary ? bytes : bytes.toString("latin1"), { binary });
        // A socket that is still good answers a ping, whatever was said on it.
        const over = new AbortController();
        const waits = { signal: AbortSignal.any([over.signal, AbortSignal.timeout(PATIENCE)]) };
        socket.ping();
        await Promise.race([once(socket, "pong", waits), once(socket, "close", waits)]);
        over.abort();
        return socket.readyState === WebSocket.OPEN ? "open" : "closed";
      },
    ],
  ];
}

/** What came back, how often. Rejects with what is wrong. */
export async function fuzz({ seed, units }: FuzzOptions): Promise<ReadonlyMap<string, number>> {
  const wild: unknown[] = [];
  const note = (reason: unknown): void => void wild.push(reason);
  process.on("unhandledRejection", note);
  process.on("uncaughtException", note);
  const server = await startServer({
    config: {
      faye: { timeout: 1, grace: 2, retry: { min: 0.05, max: 0.1 } },
      limits: { eventsPerSecond: 0, bodyBytes: 100_000, messageBytes: 20_000 },
    },
    hooks: {
      authenticate: ({ ext }) => (ext.token === MEMBER ? "member" : null),
      authorizeRoom: ({ connection, room }) => room !== STAFF || connection.identity === "member",
    },
    actions: [
      defineAction({ name: "echo", description: "says it again", run: ({ params }) => ({ params }) }),
    ],
  });
  const heard: string[] = [];
  const [ada, bob] = ["ada", "bob"].map(() => new ActionHeroWebSocket({ host: server.url, token: MEMBER }));
  const fuzzer = new Fuzzer(server, new Dice(seededRandom(seed)));
  try {
    for (const client of [ada!, bob!]) {
      await client.connect();
      await client.roomChange(STAFF);
    }
    bob!.events = { ...bob!.events, say: ({ message }) => heard.push(String(message)) };
    let said = 0;
    for (let unit = 0; unit < units; unit += 1) {
      await fuzzer.one();
      if (unit % 20 > 0) continue;
      await ada!.say(`${MARK} ${said}`);
      said += 1;
    }
    await eventually(() => assert.equal(heard.length, said), { timeout: PATIENCE });
    assert.deepEqual(
      heard,
      Array.from({ length: said }, (_, n) => `${MARK} ${n}`),
    );
    assert.deepEqual(wild, []);
    assert.deepEqual(Object.keys(Object.prototype), []);
    const errors = server.logged.all.filter(({ level }) => level === "error");
    assert.deepEqual(errors, [], "an error of the server's own");
    await fuzzer.close();
    // Whoever said nothing for the grace is forgotten.
    const sessions = async (): Promise<void> => {
      const metrics = await (await fetch(`${server.url}/metrics`)).text();
      assert.equal(/^actionwire_sessions_carried (\d+)$/m.exec(metrics)?.[1], "2");
    };
    await eventually(sessions, { timeout: 30_000 });
    return fuzzer.statuses;
  } finally {
    await fuzzer.close();
    await Promise.all([ada!.disconnect(), bob!.disconnect()]);
    await server.close();
    process.off("unhandledRejection", note);
    process.off("uncaughtException", note);
  }
}
