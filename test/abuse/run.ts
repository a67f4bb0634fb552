/**
 * Crowds that mean no good, against one node of its own process, while a client that does measures what is left for it. By hand:
 * `npm run abuse -- --count 5000 --only idle,halfOpen`. Needs twice as many file descriptors as `--count`.
 */
import { readFileSync } from "node:fs";
import net from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { parseArgs } from "node:util";
import { deflateRawSync } from "node:zlib";
import { ActionHeroWebSocket } from "../../src/client/index.ts";
import { type ServerProcess, spawnServer } from "../support/process.ts";
import { handshake } from "../wire/support/messages.ts";
import { member, open } from "./sockets.ts";
import { stalled } from "./stalled.ts";

const { values } = parseArgs({
  options: {
    /** How many of each crowd. */
    count: { type: "string", default: "10000" },
    /** Seconds that each crowd is watched for. */
    seconds: { type: "string", default: "10" },
    only: { type: "string" },
    /** MiB that the node may have at any time; above it the run fails. */
    bound: { type: "string", default: "384" },
  },
});
const count = Number(values.count);
const seconds = Number(values.seconds);

/** Opens many things, not too many at the same time. */
async function crowd<T>(open: (n: number) => Promise<T>): Promise<T[]> {
  const opened: T[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < count) {
      next += 1;
      opened.push(await open(next));
    }
  };
  await Promise.all(Array.from({ length: 64 }, worker));
  return opened;
}

const socketTo = ({ port }: ServerProcess): Promise<net.Socket> =>
  new Promise((done, failed) => {
    const socket = net.connect(port, "127.0.0.1", () => done(socket));
    socket.once("error", failed);
    socket.on("error", () => {});
  });

const post = async (server: ServerProcess, body: string): Promise<Response> =>
  fetch(`${server.url}/faye`, { method: "POST", headers: { "Content-Type": "application/json" }, body });

const bytes = (text: string): string => `${text.length} bytes`;

interface Crowd {
  readonly what: string;
  /** Config of the server, as environment; resolves when the crowd is there. Its result closes it. */
  readonly come: (server: ServerProcess) => Promise<() => void>;
}

const crowds: Record<string, Crowd> = {
  idle: {
    what: "WebSockets that never say anything",
    come: async (server) => {
      const sockets = await crowd(() => open(server));
      return () => {
        for (const socket of sockets) socket.terminate();
      };
    },
  },
  halfOpen: {
    what: "handshakes that nothing follows",
    come: async (server) => {
      await crowd(async () => void (await (await post(server, JSON.stringify([handshake()]))).text()));
      return () => {};
    },
  },
  slowHeaders: {
    what: "requests whose headers come a byte a second",
    come: async (server) => {
      const sockets = await crowd(() => socketTo(server));
      const header = "POST /faye HTTP/1.1\r\nHost: x\r\nX-Slow: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
      let at = 0;
      const timer = setInterval(() => {
        for (const socket of sockets) if (!socket.destroyed) socket.write(header[at % header.length]!);
        at += 1;
      }, 1_000);
      return () => {
        clearInterval(timer);
        for (const socket of sockets) socket.destroy();
      };
    },
  },
  unread: {
    what: "members of a busy room that never read",
    come: async (server) => {
      const sockets = await crowd(async () => {
        const socket = await member(server);
        socket.pause();
        return socket;
      });
      return () => {
        for (const socket of sockets) socket.terminate();
      };
    },
  },
};

/** Single messages that are wrong in a large way, and what they are answered. */
const blows: Record<string, (server: ServerProcess) => Promise<string>> = {
  "a body of 100 MiB": async (server) => {
    const body = Buffer.alloc(100 * 1024 * 1024, 0x20);
    try {
      const response = await fetch(`${server.url}/faye`, { method: "POST", body });
      return `${response.status} ${await response.text()}`;
    } catch {
      return "the connection was cut";
    }
  },
  "a batch of a million": async (server) => {
    const response = await post(server, `[${"0,".repeat(999_999)}0]`);
    return `${response.status} ${bytes(await response.text())}`;
  },
  "100,000 levels": async (server) => {
    const levels = 100_000;
    const response = await post(server, `[{"data":${"[".repeat(levels)}${"]".repeat(levels)}}]`);
    return `${response.status} ${await response.text()}`;
  },
  "__proto__ everywhere": async (server) => {
    const evil = `{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}},"channel":"/meta/handshake"}`;
    const response = await post(server, `[${evil}]`);
    return `${response.status} ${await response.text()}`;
  },
  "invalid UTF-8": async (server) => {
    const response = await fetch(`${server.url}/faye`, {
      method: "POST",
      body: Buffer.from([0x5b, 0xff, 0x5d]),
    });
    return `${response.status} ${await response.text()}`;
  },
  "a frame of 2^63 bytes": async (server) => {
    const socket = await open(server);
    const closed = new Promise<string>((done) => socket.once("close", (code) => done(`closed with ${code}`)));
    // FIN and text, masked, a length of 64 bits, and nothing after it.
    const head = Buffer.concat([Buffer.from([0x81, 0xff]), Buffer.alloc(8, 0x7f), Buffer.alloc(4)]);
    (socket as unknown as { _socket: net.Socket })._socket.write(head);
    return closed;
  },
  "a compressed frame of 64 MiB": async () => {
    const server = await spawnServer({ project: "test/abuse/compressing" });
    try {
      const before = rss(server);
      const socket = await open(server, { perMessageDeflate: true });
      if (!socket.extensions.includes("permessage-deflate")) throw new Error("compression is not offered");
      const closed = new Promise<string>((done) =>
        socket.once("close", (code) => done(`closed with ${code}`)),
      );
      socket.send(" ".repeat(64 * 1024 * 1024));
      const answer = await closed;
      peak(server);
      return `${answer}; of a node of its own, with compression: ${mib(before)}, then ${mib(rss(server))}`;
    } finally {
      await server.close();
    }
  },
  "a compressed body of 64 MiB": async (server) => {
    const bomb = deflateRawSync(Buffer.alloc(64 * 1024 * 1024, 0x20));
    const response = await fetch(`${server.url}/faye`, {
      method: "POST",
      headers: { "Content-Type": "application/json", "Content-Encoding": "deflate" },
      body: bomb,
    });
    return `${response.status} ${await response.text()}`;
  },
};

const bound = Number(values.bound);
let most = 0;

/** MiB; what is above the bound fails the run. */
function rss({ pid }: ServerProcess): number {
  const now = Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) / 1024;
  most = Math.max(most, now);
  return now;
}

const mib = (size: number): string => `${size.toFixed(0)} MiB`;

/** The highest that the node ever had, which between two looks nobody sees. */
function peak({ pid }: ServerProcess): void {
  const high = Number(/VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1]) / 1024;
  most = Math.max(most, high);
}

/** What a client that means well gets, ms: the median and the slowest of `say` and of an action over HTTP. */
async function service(server: ServerProcess): Promise<string> {
  const client = new ActionHeroWebSocket({ host: server.url });
  await client.connect();
  const took: number[] = [];
  const until = performance.now() + seconds * 1_000;
  for (let n = 0; performance.now() < until; n += 1) {
    const since = performance.now();
    if (n % 2 === 0) await client.say(`still here ${n}`);
    else await (await fetch(`${server.url}/api/add?a=1&b=2`)).text();
    took.push(performance.now() - since);
    await sleep(20);
  }
  await client.disconnect();
  took.sort((a, b) => a - b);
  const at = (part: number): string => took[Math.floor(part * (took.length - 1))]!.toFixed(1);
  return `${took.length} answers, median ${at(0.5)} ms, p99 ${at(0.99)} ms, slowest ${at(1)} ms`;
}

const wanted = values.only?.split(",") ?? [...Object.keys(crowds), "blows", "stalled"];
for (const name of wanted) {
  const server = await spawnServer();
  const before = rss(server);
  console.log(`alone: ${await service(server)}, ${before.toFixed(0)} MiB`);
  if (name === "blows") {
    for (const [what, strike] of Object.entries(blows)) {
      const answer = await strike(server);
      console.log(`${what}: ${answer.slice(0, 160)}; ${rss(server).toFixed(0)} MiB`);
    }
    console.log(`after them: ${await service(server)}`);
  } else if (name === "stalled") {
    await stalled(server, { members: Math.min(count, 1_000), seconds, memory: () => rss(server) });
  } else {
    const one = crowds[name];
    if (!one) throw new Error(`crowds: ${Object.keys(crowds).join(", ")}, blows, stalled`);
    const since = performance.now();
    const leave = await one.come(server);
    const came = ((performance.now() - since) / 1_000).toFixed(1);
    console.log(`${count} ${one.what} (${came} s): ${await service(server)}, ${rss(server).toFixed(0)} MiB`);
    leave();
    await sleep(2_000);
    console.log(`when they have gone: ${await service(server)}, ${rss(server).toFixed(0)} MiB`);
  }
  peak(server);
  await server.close();
}
console.log(`at most ${mib(most)}, bound ${mib(bound)}`);
process.exit(most > bound ? 1 : 0);
