/** Proxies that stand before real servers, and what they do to what passes. */
import { createHash } from "node:crypto";
import { once } from "node:events";
import http, { type IncomingMessage, type ServerResponse } from "node:http";
import net, { type AddressInfo, type Socket } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { seededRandom } from "../../src/testing/fake-clock.ts";
import { reset } from "./reset.ts";

export interface BadProxy {
  readonly url: string;
  /** How often it has done what it is here for. */
  readonly deeds: number;
  /** Of one that cuts at each byte: the length of the longest it cut, and at how many places of that it has not cut yet. */
  readonly bytes: { readonly longest: number; readonly left: number };
  /** New sockets are treated well from now on. */
  reform(): void;
  close(): Promise<void>;
}

/** What one of them does; left out: as a good one does it. */
interface Vice {
  /** A WebSocket: `server` is connected, `opening` is the client's request as bytes. */
  upgrade?(client: Socket, server: Socket, opening: Buffer, request: IncomingMessage): void;
  /** A request whose body has come; `pass` takes it to the server, whose answer it brings. */
  request?(pass: () => Promise<IncomingMessage>, request: IncomingMessage): Promise<IncomingMessage>;
  /** The answer to a request. */
  answer?(from: IncomingMessage, to: ServerResponse): void;
}

const KEY = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/** How long a connection is good for at those that do not like long ones, ms. */
const PATIENCE = 700;

function passOn(from: IncomingMessage, to: ServerResponse): void {
  to.writeHead(from.statusCode ?? 502, from.headers);
  from.pipe(to);
}

/** The whole body, and then a head that knows its length. */
async function hoard(from: IncomingMessage, to: ServerResponse): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of from) chunks.push(chunk as Buffer);
  const { "transfer-encoding": _, ...headers } = from.headers;
  const body = Buffer.concat(chunks);
  to.writeHead(from.statusCode ?? 502, { ...headers, "content-length": body.length }).end(body);
}

/** Opens the passage as a good proxy does. */
function open(client: Socket, server: Socket, opening: Buffer): void {
  server.write(opening);
  client.pipe(server).pipe(client);
}

const isStream = ({ headers }: IncomingMessage): boolean => headers["content-type"] === "text/event-stream";

/** At which bytes of what was cut already. */
class Places {
  readonly #cut = new Set<number>();
  longest = 0;

  get left(): number {
    return this.longest - this.#cut.size;
  }

  /** Where none was cut before, if there is such a place. */
  next(length: number): number {
    this.longest = Math.max(this.longest, length);
    let at = 0;
    while (at < length - 1 && this.#cut.has(at)) at += 1;
    this.#cut.add(at);
    return at;
  }
}

/** The text of a chunk that is one frame, whole; "" of any other. */
function textOf(chunk: Buffer): string {
  if (chunk.length < 2) return "";
  const short = chunk[1]! & 0x7f;
  if (short === 127 || (short === 126 && chunk.length < 4)) return "";
  const head = short === 126 ? 4 : 2;
  const length = short === 126 ? chunk.readUInt16BE(2) : short;
  const masked = chunk[1]! >= 0x80;
  const body = Buffer.from(chunk.subarray(masked ? head + 4 : head));
  if (body.length !== length) return "";
  if (masked) for (let at = 0; at < length; at += 1) body[at]! ^= chunk[head + (at % 4)]!;
  return body.toString();
}

/**
 * Each socket is cut inside a chunk that `isOne`, at another byte each time; `n` counts those that have come that way, from 1. What is
 * far longer is what had to wait: that is cut now and then, anywhere, and passes otherwise, or nothing ever would.
 */
function cutFrames(
  did: () => number,
  places: Places,
  from: "client" | "server",
  isOne: (text: string) => boolean,
  nth: number,
): Vice {
  const chance = seededRandom(1);
  return {
    upgrade(client, server, opening) {
      server.write(opening);
      const [source, sink] = from === "client" ? [client, server] : [server, client];
      sink.pipe(source);
      let n = 0;
      const placeIn = (chunk: Buffer): number | null => {
        if (isOne(textOf(chunk))) {
          n += 1;
          return n < nth ? null : places.next(chunk.length);
        }
        const waited = places.longest > 0 && chunk.length > 2 * places.longest;
        return waited && chance.fraction() < 0.2 ? Math.floor(chance.fraction() * chunk.length) : null;
      };
      source.on("data", (chunk: Buffer) => {
        if (sink.destroyed) return;
        const at = placeIn(chunk);
        if (at === null) return void sink.write(chunk);
        did();
        sink.write(chunk.subarray(0, at), () => {
          for (const socket of [client, server]) if (!socket.destroyed) reset(socket);
        });
        source.removeAllListeners("data");
        source.resume();
      });
    },
  };
}

/** A number that was said in a room, alone. */
const isHeard = (text: string): boolean =>
  /"message":\d+,.*"sentAt"/.test(text) && text.split(`"channel"`).length === 2;

/** By name; `did` counts a deed. */
const VICES = {
  "refuses to upgrade": (did) => ({
    upgrade(client) {
      did();
      client.end("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
    },
  }),
  "passes an upgrade on as an ordinary request": (did) => ({
    upgrade(client, server, opening) {
      did();
      const plain = opening.toString("latin1").replace(/^(upgrade|connection):.*\r\n/gim, "");
      open(client, server, Buffer.from(plain, "latin1"));
    },
  }),
  "accepts an upgrade and goes silent": (did) => ({
    upgrade(client, server, _, request) {
      did();
      const key = createHash("sha1")
        .update(request.headers["sec-websocket-key"] + KEY)
        .digest("base64");
      const head = ["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade"];
      client.write(`${head.join("\r\n")}\r\nSec-WebSocket-Accept: ${key}\r\n\r\n`);
      client.resume();
      server.destroy();
    },
  }),
  "cuts off what is long": (did) => {
    const cutLater = (socket: Socket): void => {
      const timer = setTimeout(() => {
        did();
        reset(socket);
      }, PATIENCE);
      socket.once("close", () => clearTimeout(timer));
    };
    return {
      upgrade(client, server, opening) {
        cutLater(client);
        open(client, server, opening);
      },
      answer(from, to) {
        if (isStream(from)) cutLater(to.socket!);
        passOn(from, to);
      },
    };
  },
  "forgets sockets without a word": (did) => ({
    upgrade(client, server, opening) {
      open(client, server, opening);
      const timer = setTimeout(() => {
        did();
        client.unpipe(server);
        server.unpipe(client);
        client.resume();
        server.resume();
      }, PATIENCE);
      client.once("close", () => clearTimeout(timer));
    },
  }),
  "holds event streams back": (did) => ({
    answer(from, to) {
      if (!isStream(from)) return passOn(from, to);
      did();
      to.writeHead(from.statusCode ?? 502, from.headers);
      void hoard(from, to).catch(() => {});
    },
  }),
  "knows no chunks": (did) => ({
    answer(from, to) {
      did();
      hoard(from, to).catch(() => to.destroy());
    },
  }),
  "repeats what is posted": (did) => ({
    async request(pass, request) {
      const first = await pass();
      if (request.method !== "POST") return first;
      did();
      const again = await pass();
      again.resume();
      return first;
    },
  }),
  "repeats what is posted when it has lost the answer": (did) => {
    let n = 0;
    return {
      async request(pass, request) {
        const first = await pass();
        n += 1;
        if (request.method !== "POST" || n % 3 !== 0) return first;
        did();
        first.resume();
        return pass();
      },
    };
  },
  "takes its time": (did) => ({
    async request(pass) {
      did();
      await sleep(150);
      const answer = await pass();
      await sleep(150);
      return answer;
    },
  }),
  "cuts answers short": (did) => {
    // Each fourth exactly could be the same one of each attempt to connect.
    const chance = seededRandom(1);
    return {
      answer(from, to) {
        const length = Number(from.headers["content-length"] ?? 0);
        if (chance.fraction() > 0.1 || length < 2) return passOn(from, to);
        did();
        to.writeHead(from.statusCode ?? 502, from.headers);
        from.once("data", (chunk: Buffer) => {
          to.write(chunk.subarray(0, chunk.length >> 1), () => to.socket && reset(to.socket));
        });
      },
    };
  },
  "cuts what a room hears at each byte": (did, places) => cutFrames(did, places, "server", isHeard, 1),
  // The first one passes, and its answer is lost with the second.
  "cuts what is said at each byte": (did, places) =>
    cutFrames(did, places, "client", (text) => text.includes('"event":"say"'), 2),
} satisfies Record<string, (did: () => number, places: Places) => Vice>;

export type ViceName = keyof typeof VICES;

export async function startBadProxy(name: ViceName, port: number): Promise<BadProxy> {
  let deeds = 0;
  let reformed = false;
  const places = new Places();
  const vice: Vice = VICES[name](() => {
    deeds += 1;
    return deeds - 1;
  }, places);
  const agent = new http.Agent({ keepAlive: false });
  const sockets = new Set<Socket>();

  const server = http.createServer(async (request, response) => {
    const { method, url: path, headers } = request;
    const chunks: Buffer[] = [];
    const under: IncomingMessage[] = [];
    response.on("close", () => under.forEach((one) => void one.destroy()));
    const pass = (): Promise<IncomingMessage> =>
      new Promise((resolve, reject) => {
        const sent = http.request({ port, host: "127.0.0.1", method, path, headers, agent }, (answer) => {
          under.push(answer);
          answer.on("error", () => {});
          resolve(answer);
        });
        sent.on("error", reject);
        response.once("close", () => sent.destroy());
        sent.end(Buffer.concat(chunks));
      });
    try {
      for await (const chunk of request) chunks.push(chunk as Buffer);
      const answer = await (vice.request?.(pass, request) ?? pass());
      (vice.answer ?? passOn)(answer, response);
    } catch {
      response.destroy();
    }
  });

  server.on("upgrade", (request, client: Socket, head) => {
    const { rawHeaders, method, url: path } = request;
    const lines = [`${method} ${path} HTTP/1.1`];
    for (let at = 0; at < rawHeaders.length; at += 2) lines.push(`${rawHeaders[at]}: ${rawHeaders[at + 1]}`);
    const opening = Buffer.concat([Buffer.from(`${lines.join("\r\n")}\r\n\r\n`, "latin1"), head]);
    const upstream = net.connect(port, "127.0.0.1");
    sockets.add(upstream);
    upstream.on("error", () => client.destroy());
    upstream.on("close", () => sockets.delete(upstream));
    client.on("error", () => {});
    client.on("close", () => upstream.destroy());
    const upgrade = reformed ? open : (vice.upgrade ?? open);
    upgrade(client, upstream, opening, request);
  });
  server.on("connection", (socket) => {
    sockets.add(socket);
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");

  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get deeds() {
      return deeds;
    },
    get bytes() {
      const { longest, left } = places;
      return { longest, left };
    },
    reform() {
      reformed = true;
    },
    async close() {
      const closed = once(server, "close");
      server.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}
