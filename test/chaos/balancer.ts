import { once } from "node:events";
import http from "node:http";
import net, { type AddressInfo, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import type { Dice } from "../simulation/time.ts";
import { reset } from "../support/reset.ts";

/** Ports of the nodes that may be asked now. */
export type Route = () => readonly number[];

/**
 * Sends each request and each new socket to any node. Where the connection is refused nothing was sent, so the next one is asked;
 * whatever else goes wrong reaches the client as a reset.
 */
export class Balancer {
  readonly #route: Route;
  readonly #dice: Dice;
  readonly #server: http.Server;
  readonly #agent = new http.Agent({ keepAlive: true, maxSockets: Number.POSITIVE_INFINITY });
  readonly #open = new Set<Socket>();
  /** Of the open sockets, the port that each is served by now. */
  readonly #served = new WeakMap<Socket, number>();
  /** Nothing passes through these any more. */
  readonly #holes = new WeakSet<object>();
  requests = 0;
  sockets = 0;

  constructor(route: Route, dice: Dice) {
    this.#route = route;
    this.#dice = dice;
    this.#server = http.createServer({ requestTimeout: 0, headersTimeout: 0, keepAliveTimeout: 60_000 });
    this.#server.on("connection", (socket) => {
      this.#open.add(socket);
      socket.on("error", () => {});
      socket.once("close", () => this.#open.delete(socket));
    });
    this.#server.on("request", (request, response) => this.#pass(request, response));
    this.#server.on("upgrade", (request, socket, head) => this.#tunnel(request, socket as Socket, head));
  }

  async listen(): Promise<string> {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  close(): void {
    this.#server.close();
    for (const socket of this.#open) socket.destroy();
    this.#agent.destroy();
  }

  /** Resets one of the clients' connections. False where there is none. */
  cut(): boolean {
    const socket = this.#any();
    if (socket) reset(socket);
    return socket !== undefined;
  }

  /** One of them carries nothing any more, in either direction, and is reset after that time. */
  swallow(ms: number): boolean {
    const socket = this.#any();
    if (!socket) return false;
    this.#holes.add(socket);
    setTimeout(() => reset(socket), ms).unref();
    return true;
  }

  /** Resets what carries nothing any more, so that its client learns of it. */
  heal(): void {
    for (const socket of this.#open) if (this.#holes.has(socket)) reset(socket);
  }

  /** Resets whatever is served there, as balancers do with a node that they no longer hold for well. */
  abandon(port: number): void {
    for (const socket of this.#open) {
      if (this.#served.get(socket) === port && !this.#holes.has(socket)) reset(socket);
    }
  }

  #any(): Socket | undefined {
    return this.#open.size === 0 ? undefined : this.#dice.pick([...this.#open]);
  }

  #nodes(): number[] {
    const all = [...this.#route()];
    for (let at = all.length - 1; at > 0; at -= 1) {
      const other = this.#dice.between(0, at);
      [all[at], all[other]] = [all[other]!, all[at]!];
    }
    return all;
  }

  #pass(request: http.IncomingMessage, response: http.ServerResponse): void {
    this.requests += 1;
    const { socket } = request;
    const body: Buffer[] = [];
    request.on("data", (chunk: Buffer) => body.push(chunk));
    request.on("error", () => {});
    request.on("end", () => {
      if (!this.#holes.has(socket)) this.#ask(request, response, Buffer.concat(body), this.#nodes());
    });
  }

  #ask(request: http.IncomingMessage, response: http.ServerResponse, body: Buffer, nodes: number[]): void {
    const { socket } = request;
    const port = nodes.pop();
    if (port === undefined) {
      response.writeHead(503).end();
      return;
    }
    const onward = http.request({
      host: "127.0.0.1",
      port,
      method: request.method,
      path: request.url,
      headers: request.headers,
      agent: this.#agent,
    });
    const gone = (): void => void onward.destroy();
    this.#served.set(socket, port);
    response.once("close", gone);
    onward.once("error", (error: NodeJS.ErrnoException) => {
      response.off("close", gone);
      if (socket.destroyed || this.#holes.has(socket)) return;
      if (error.code === "ECONNREFUSED") this.#ask(request, response, body, nodes);
      else reset(socket);
    });
    onward.once("response", (answer) => {
      if (this.#holes.has(socket)) return void answer.resume();
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      response.flushHeaders();
      answer.on("data", (chunk: Buffer) => {
        if (!this.#holes.has(socket)) response.write(chunk);
      });
      answer.on("end", () => {
        this.#served.delete(socket);
        if (!this.#holes.has(socket)) response.end();
      });
      answer.on("error", () => {
        if (!this.#holes.has(socket)) reset(socket);
      });
    });
    onward.end(body);
  }

  #tunnel(request: http.IncomingMessage, client: Socket, head: Buffer): void {
    this.sockets += 1;
    const lines = [`${request.method} ${request.url} HTTP/1.1`];
    for (let at = 0; at < request.rawHeaders.length; at += 2)
      lines.push(`${request.rawHeaders[at]}: ${request.rawHeaders[at + 1]}`);
    const opening = Buffer.concat([Buffer.from(`${lines.join("\r\n")}\r\n\r\n`), head]);
    this.#connect(client, opening, this.#nodes());
  }

  #connect(client: Socket, opening: Buffer, nodes: number[]): void {
    const port = nodes.pop();
    if (port === undefined) {
      client.end("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
      return;
    }
    const server = net.connect({ port, host: "127.0.0.1", noDelay: true });
    let connected = false;
    server.once("connect", () => {
      connected = true;
      this.#served.set(client, port);
      client.setNoDelay(true);
      server.write(opening);
      this.#pour(client, server, client);
      this.#pour(server, client, client);
    });
    server.on("error", () => {});
    client.once("close", () => server.destroy());
    server.once("close", () => {
      if (client.destroyed || this.#holes.has(client)) return;
      if (connected) reset(client);
      else this.#connect(client, opening, nodes);
    });
  }

  #pour(from: Duplex, to: Duplex, client: Socket): void {
    from.on("data", (chunk: Buffer) => {
      if (!this.#holes.has(client)) to.write(chunk);
    });
    from.on("end", () => {
      if (!this.#holes.has(client)) to.end();
    });
  }
}
