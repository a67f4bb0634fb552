/**
 * Input that nobody would send, on every way in, against a server of this process; meanwhile two clients chat in a room that is
 * not for the others. Whatever comes, they are served, hear each other and nobody else, and nobody else hears them.
 */
import assert from "node:assert/strict";
import { once } from "node:events";
import net from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { inspect } from "node:util";
import { WebSocket } from "ws";
import { defineAction } from "../../src/actions/index.ts";
import { ActionHeroWebSocket } from "../../src/client/index.ts";
import { seededRandom } from "../../src/testing/fake-clock.ts";
import { Dice } from "../simulation/time.ts";
import { eventually } from "../support/eventually.ts";
import { startServer, type TestServer } from "../support/server.ts";
import { ask } from "../wire/support/http.ts";
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
import { metric } from "../wire/support/metrics.ts";
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

const CRLF = Buffer.from("\r\n");
const UPGRADE =
  "GET /faye HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
  "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==";

export interface FuzzOptions {
  readonly seed: number;
  /** How many units are sent. */
  readonly units: number;
  /** Waits afterwards until the server has forgotten all of them, which takes more than a minute. */
  readonly forgotten?: boolean;
}

interface Session {
  readonly clientId: string;
  readonly line: string;
  readonly token: string;
}

class Fuzzer {
  readonly #server: TestServer;
  readonly #dice: Dice;
  #sessions: Session[] = [];
  /** What nobody but its holder may see: clientIds and tokens, and the random half of each. */
  readonly secrets = new Set<string>();
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
    const begin = async (more: object): Promise<Message> => {
      const response = await this.#ask("/faye", { body: JSON.stringify([handshake(more)]) });
      const text = await response.text();
      this.#harmless(text);
      return (JSON.parse(text) as [Message])[0];
    };
    let shaken = await begin(this.#dice.chance(0.5) ? { ext: this.#ext() } : {});
    // Refused with the token of one that is to stay away.
    if (!shaken.successful) shaken = await begin({});
    const { clientId, connectionId } = minted(shaken);
    const { token } = (shaken.ext as { actionwire: { resume: { token: string } } }).actionwire.resume;
    const session = { clientId, line: lineOf(connectionId), token };
    this.#sessions = [...this.#sessions, session].slice(-5);
  }

  /** Whatever a server gives out that looks like a secret is one, also to those who came with nonsense. */
  #learn(text: string): void {
    for (const [, secret] of text.matchAll(/"(?:clientId|token)":"([0-9a-f]{72})"/g))
      this.secrets.add(secret!).add(secret!.slice(32));
  }

  /** What extensions and our own client add, to any message. */
  #ext(): Message {
    const dice = this.#dice;
    const { token } = this.#sessions.length > 0 ? dice.pick(this.#sessions) : { token: "none" };
    const position = dice.pick(["0.0.0", "x.9.9", "1826688a49e24fe8.1.0", "1826688a49e24fe8.999999999999.0"]);
    const positions = { [`room:${STAFF}`]: position, "room:defaultRoom": position };
    const ours = dice.pick([
      { client: 1 },
      { client: 1, resume: { token, positions, attempt: dice.between(0, 3) } },
      { positions },
      { n: dice.between(0, 4), room: dice.pick([STAFF, "defaultRoom"]) },
      { n: dice.between(0, 4) },
      { rebuilt: true },
    ]);
    return dice.pick<Message>([
      { actionwire: ours },
      { actionwire: ours, ack: dice.pick([true, 0, 1, 7]) },
      { ack: dice.pick([true, false, -1, dice.between(0, 5)]) },
      { timesync: { tc: dice.between(0, 2 ** 31), l: dice.between(0, 99), o: 0 } },
      { token: "not a credential", binary: true },
    ]);
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
    const message = dice.pick([
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
    return dice.chance(0.5) ? { ...message, ext: this.#ext() } : message;
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
    this.#learn(text);
    assert.ok(!text.includes(MARK), `somebody heard what was not for him: ${text.slice(0, 500)}`);
  }

  /** A request as bytes, garbled now and then, on a connection of its own that is closed after a while; the status. */
  async #raw(head: string, body: Buffer): Promise<string> {
    const dice = this.#dice;
    const socket = net.connect(this.#server.port, "127.0.0.1");
    socket.on("error", () => {});
    const closed = new Promise((done) => socket.once("close", done));
    let came = "";
    const answered = new Promise((done) =>
      socket.on("data", (chunk) => {
        came += chunk.toString("latin1");
        done(undefined);
      }),
    );
    socket.write(
      Buffer.concat([dice.chance(0.5) ? garbled(head, dice) : Buffer.from(head), CRLF, CRLF, body]),
    );
    // What is not whole is waited for by the server, and given up here.
    await Promise.race([closed, answered, sleep(100)]);
    socket.destroy();
    await closed;
    this.#harmless(came);
    return /^HTTP\/1\.1 (\d+)/.exec(came)?.[1] ?? "nothing";
  }

  /** Masked as a client's is, with a head that is not always true. */
  #frame(payload: Buffer): Buffer {
    const dice = this.#dice;
    const first = dice.chance(0.5) ? 0x81 : dice.between(0, 255);
    const length = dice.pick([payload.length, payload.length, 0, 1, 65_536, 2 ** 32, 2 ** 53]);
    const head = Buffer.alloc(14);
    head.writeUInt8(first, 0);
    head.writeUInt8(dice.chance(0.9) ? 0xff : 0x7f, 1);
    head.writeBigUInt64BE(BigInt(length), 2);
    return Buffer.concat([head, payload]);
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
      "stream",
      async (bytes) => {
        const { clientId } = this.#dice.pick(this.#sessions);
        const odd = encodeURIComponent(bytes.toString("latin1").slice(0, 300));
        const path = this.#dice.pick([
          clientId,
          clientId,
          garbled(clientId, this.#dice).toString("hex"),
          odd,
        ]);
        const asked = new AbortController();
        const signal = AbortSignal.any([asked.signal, AbortSignal.timeout(PATIENCE)]);
        const response = await fetch(`${this.#server.url}/faye/${path}`, {
          headers: { Accept: "text/event-stream", "Last-Event-ID": odd.slice(0, 50) },
          signal,
        });
        if (response.status !== 200) return this.#answer(Promise.resolve(response));
        // The beginning of it; a stream has no end.
        const { value } = await response.body!.getReader().read();
        this.#harmless(Buffer.from(value ?? []).toString());
        asked.abort();
        return "200";
      },
    ],
    [
      "bytes",
      (bytes) => this.#raw(`POST /faye HTTP/1.1\r\nHost: x\r\nContent-Length: ${bytes.length}`, bytes),
    ],
    ["upgrade", (bytes) => this.#raw(UPGRADE, this.#frame(bytes))],
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

const excerpt = (text: string, secret: string): string =>
  text.slice(Math.max(0, text.indexOf(secret) - 300), text.indexOf(secret) + 100);

/** What came back, how often. Rejects with what is wrong. */
export async function fuzz({
  seed,
  units,
  forgotten = false,
}: FuzzOptions): Promise<ReadonlyMap<string, number>> {
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
    // Whoever said nothing for the grace has ended; that is remembered for a minute, and then nothing is.
    const left = async (): Promise<void> => {
      assert.equal(await metric(server.url, "actionwire_sessions_carried"), 2);
      if (forgotten) assert.equal(await metric(server.url, "actionwire_sessions"), 2);
    };
    await eventually(left, { timeout: forgotten ? 120_000 : 30_000, interval: 200 });
    const told = server.logged.all
      .map(({ fields, message }) => inspect(fields, { depth: 9 }) + message)
      .join();
    const { body } = await ask(`${server.url}/metrics`);
    assert.ok(fuzzer.secrets.size > 0, `${fuzzer.secrets.size} secrets`);
    for (const secret of fuzzer.secrets) {
      assert.ok(!told.includes(secret), `a secret is in the log: ${excerpt(told, secret)}`);
      assert.ok(!body.includes(secret), `a secret is in the metrics: ${excerpt(body, secret)}`);
    }
    return fuzzer.statuses;
  } finally {
    await fuzzer.close();
    await Promise.all([ada!.disconnect(), bob!.disconnect()]);
    await server.close();
    process.off("unhandledRejection", note);
    process.off("uncaughtException", note);
  }
}
