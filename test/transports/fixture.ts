/** A real http server around the transports, and a gateway that does what the test says. */
import {
  type ClientRequest,
  createServer,
  type IncomingMessage,
  type RequestOptions,
  request,
} from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import type { TestContext } from "node:test";
import { type ClientOptions, WebSocket } from "ws";
import type { Clock, Log, Timer } from "../../src/ports.ts";
import type { Gateway, Link } from "../../src/sessions/gateway.ts";
import { createTransports, type TransportOptions, type Transports } from "../../src/transports/index.ts";

export interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

/** Time that moves when it is told to. */
export class ManualClock implements Clock {
  #time = 1000;
  readonly #timers = new Set<{ at: number; task: () => void }>();

  now(): number {
    return this.#time;
  }

  monotonic(): number {
    return this.#time;
  }

  after(ms: number, task: () => void): Timer {
    const timer = { at: this.#time + ms, task };
    this.#timers.add(timer);
    return { cancel: () => void this.#timers.delete(timer) };
  }

  defer(task: () => void): void {
    setImmediate(task);
  }

  get waiting(): number {
    return this.#timers.size;
  }

  advance(ms: number): void {
    const end = this.#time + ms;
    while (this.#time < end) {
      this.#time = Math.min(end, this.#time + 1000);
      for (const timer of [...this.#timers]) {
        if (timer.at > this.#time) continue;
        this.#timers.delete(timer);
        timer.task();
      }
    }
  }
}

/** Answers each unit with itself, and writes down what happens. */
export class ScriptedGateway implements Gateway {
  readonly units: { unit: readonly unknown[]; link: Link }[] = [];
  readonly closedLinks: Link[] = [];
  readonly drainedLinks: Link[] = [];
  readonly aliveLinks: Link[] = [];
  readonly streams: { clientId: string; link: Link }[] = [];
  readonly handed: boolean[] = [];
  onUnit: (unit: readonly unknown[], link: Link) => void = (unit, link) =>
    link.send(JSON.stringify(unit), (handed) => this.handed.push(handed));
  knows: (clientId: string) => Promise<boolean> = async (clientId) => clientId === "known";

  receive(unit: readonly unknown[], link: Link): void {
    this.units.push({ unit, link });
    this.onUnit(unit, link);
  }

  stream(clientId: string, link: Link): Promise<boolean> {
    this.streams.push({ clientId, link });
    return this.knows(clientId);
  }

  drained(link: Link): void {
    this.drainedLinks.push(link);
  }

  alive(link: Link): void {
    this.aliveLinks.push(link);
  }

  closed(link: Link): void {
    this.closedLinks.push(link);
  }

  get last(): { unit: readonly unknown[]; link: Link } {
    const last = this.units.at(-1);
    if (last === undefined) throw new Error("no unit arrived");
    return last;
  }
}

export interface Fixture {
  readonly port: number;
  readonly origin: string;
  readonly gateway: ScriptedGateway;
  readonly clock: ManualClock;
  readonly transports: Transports;
  readonly logged: string[];
  ask(options: RequestOptions, body?: string | Buffer): Promise<Answer>;
  post(body: string, headers?: Record<string, string>, path?: string): Promise<Answer>;
  get(path: string, headers?: Record<string, string>): Promise<Answer>;
  /** A request whose end is left to the test. */
  begin(options: RequestOptions): ClientRequest;
  open(options?: ClientOptions & { path?: string; protocols?: string[] }): Promise<Peer>;
  /** The status of an upgrade that was refused. */
  refusedUpgrade(options?: ClientOptions & { path?: string }): Promise<number>;
  raw(): Promise<Socket>;
}

export async function start(t: TestContext, options: Partial<TransportOptions> = {}): Promise<Fixture> {
  const gateway = new ScriptedGateway();
  const clock = new ManualClock();
  const logged: string[] = [];
  const write = (fields: object, message: string) => void logged.push(JSON.stringify(fields) + message);
  const log: Log = { debug: write, info: write, warn: write, error: write };
  const transports = createTransports({ gateway, options, log, clock });
  const server = createServer((req, res) => transports.request(req, res));
  server.on("upgrade", (req, socket, head) => transports.upgrade(req, socket, head));
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  const { port } = server.address() as AddressInfo;
  t.after(async () => {
    transports.close();
    clock.advance(5000);
    server.closeAllConnections();
    await new Promise((done) => server.close(done));
  });
  const begin = (more: RequestOptions) => request({ port, host: "127.0.0.1", agent: false, ...more });
  const ask = (more: RequestOptions, body?: string | Buffer) =>
    new Promise<Answer>((done, fail) => {
      const sent = begin(more);
      sent.on("response", (response) => done(read(response)));
      sent.on("error", fail);
      sent.end(body);
    });
  const url = (path = "/faye") => `ws://127.0.0.1:${port}${path}`;
  return {
    port,
    origin: `http://127.0.0.1:${port}`,
    gateway,
    clock,
    transports,
    logged,
    begin,
    ask,
    post: (body, headers = {}, path = "/faye") =>
      ask({ method: "POST", path, headers: { "Content-Type": "application/json", ...headers } }, body),
    get: (path, headers = {}) => ask({ path, headers }),
    async open({ path, protocols, ...more } = {}) {
      const socket = new WebSocket(url(path), protocols ?? [], more);
      const peer = new Peer(socket);
      await new Promise((done, fail) => socket.once("open", done).once("error", fail));
      return peer;
    },
    refusedUpgrade: ({ path, ...more } = {}) =>
      new Promise((done, fail) => {
        const socket = new WebSocket(url(path), more);
        socket.on("error", () => {});
        socket.on("open", () => fail(new Error("the upgrade was accepted")));
        socket.on("unexpected-response", (sent, response) => {
          done(response.statusCode ?? 0);
          sent.destroy();
        });
      }),
    raw: () =>
      new Promise((done) => {
        const socket = connect(port, "127.0.0.1", () => done(socket));
        socket.on("error", () => {});
      }),
  };
}

/** The client's end of a WebSocket. */
export class Peer {
  readonly socket: WebSocket;
  readonly frames: { text: string; binary: boolean }[] = [];
  closedWith: number | undefined;

  constructor(socket: WebSocket) {
    this.socket = socket;
    socket.on("message", (data, binary) => this.frames.push({ text: String(data), binary }));
    socket.on("close", (code) => {
      this.closedWith = code;
    });
    socket.on("error", () => {});
  }

  async frame(index: number): Promise<string> {
    await eventually(() => this.frames.length > index, `frame ${index}`);
    return this.frames[index]!.text;
  }
}

export async function read(response: IncomingMessage): Promise<Answer> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return {
    status: response.statusCode ?? 0,
    headers: response.headers,
    body: Buffer.concat(chunks).toString(),
  };
}

/** Bounded waiting for something that is about to be true. */
export async function eventually(holds: () => boolean, what: string): Promise<void> {
  const deadline = Date.now() + 5000;
  while (!holds()) {
    if (Date.now() > deadline) throw new Error(`did not happen: ${what}`);
    await new Promise((done) => setTimeout(done, 5));
  }
}

export const handshake = {
  channel: "/meta/handshake",
  version: "1.0",
  supportedConnectionTypes: ["long-polling"],
};
