import net from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort } from "../../test/support/index.ts";
import { cpuOf, residentOf, type Server, START_TIMEOUT, start, stop } from "./process.ts";

/** What a Redis has done since it was started. */
export interface Commands {
  readonly scripts: number;
  /** Those within scripts, too. */
  readonly all: number;
}

export interface Redis extends Server {
  readonly url: string;
  commands(): Promise<Commands>;
}

/** A Redis of one's own that writes nothing to disk. */
export async function startRedis(): Promise<Redis> {
  const port = await freePort();
  const settings = ["--port", `${port}`, "--bind", "127.0.0.1", "--save", "", "--daemonize", "no"];
  const child = start(["redis-server", ...settings], {}, false);
  await listening(port);
  return {
    port,
    url: `redis://127.0.0.1:${port}`,
    commands: () => commandsOf(port),
    cpu: () => cpuOf(child),
    resident: () => residentOf(child),
    collect: async () => {},
    observe: async () => {},
    observed: async () => null,
    stop: () => stop(child),
  };
}

async function commandsOf(port: number): Promise<Commands> {
  const socket = net.connect(port, "127.0.0.1");
  socket.end("INFO commandstats\r\n");
  let text = "";
  for await (const chunk of socket.setEncoding("latin1")) text += chunk;
  let scripts = 0;
  let all = 0;
  for (const [, name, calls] of text.matchAll(/cmdstat_([^:]+):calls=(\d+)/g)) {
    if (name === "info") continue;
    all += Number(calls);
    if (name === "evalsha" || name === "eval") scripts += Number(calls);
  }
  return { scripts, all };
}

async function listening(port: number): Promise<void> {
  const until = performance.now() + START_TIMEOUT;
  for (;;) {
    const socket = net.connect(port, "127.0.0.1");
    const there = await new Promise((resolve) => {
      socket.once("connect", () => resolve(true)).once("error", () => resolve(false));
    });
    socket.destroy();
    if (there) return;
    if (performance.now() > until) throw new Error("redis-server did not start");
    await sleep(50);
  }
}
