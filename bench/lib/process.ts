/** Servers, each a process of its own on the servers' core. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { onServerCore } from "./machine.ts";

export const START_TIMEOUT = 20_000;
const children = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of children) child.kill("SIGKILL");
});

/** What kept a server from answering at once, while it was observed. Milliseconds. */
export interface Pauses {
  /** How late its event loop came, at most, in 99 of 100 looks. */
  readonly late: number;
  /** Spent on collecting garbage. */
  readonly collecting: number;
}

export interface Server {
  readonly port: number;
  /** Of all its threads, user and system, since it was started. Microseconds. */
  cpu(): number;
  /** What it holds of the machine's memory. KiB. */
  resident(): number;
  /** Has it forget what nothing holds. */
  collect(): Promise<void>;
  /** Has it look out for its own pauses. */
  observe(): Promise<void>;
  /** Those since then; null of a server that cannot tell. */
  observed(): Promise<Pauses | null>;
  stop(): Promise<void>;
}

/** What the scheduler has counted, to the nanosecond; `/proc/PID/stat` has the same in hundredths of a second. */
export function cpuOf({ pid }: ChildProcess): number {
  let nanoseconds = 0;
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    nanoseconds += Number(readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "utf8").split(" ")[0]);
  }
  return nanoseconds / 1000;
}

export function residentOf({ pid }: ChildProcess): number {
  return Number(readFileSync(`/proc/${pid}/status`, "utf8").match(/^VmRSS:\s+(\d+)/m)?.[1]);
}

export function start(
  words: readonly string[],
  env: Readonly<Record<string, string>>,
  ipc: boolean,
): ChildProcess {
  const [command, ...args] = onServerCore(...words) as [string, ...string[]];
  const {
    PORT: _,
    HOST: __,
    REDIS_URL: ___,
    TLS_KEY_FILE: ____,
    TLS_CERT_FILE: _____,
    ...inherited
  } = process.env;
  const child = spawn(command, args, {
    stdio: ["ignore", "ignore", "inherit", ...(ipc ? ["ipc" as const] : [])],
    env: { ...inherited, NODE_ENV: "production", ...env },
  });
  children.add(child);
  child.once("exit", () => children.delete(child));
  return child;
}

export async function stop(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, "exit");
  child.kill("SIGKILL");
  await exit;
}

/** What a failed round has left behind must not disturb the next one. */
export async function stopAll(): Promise<void> {
  await Promise.all([...children].map(stop));
}

async function told<T>(child: ChildProcess, what: string): Promise<T> {
  const over = new AbortController();
  const signal = AbortSignal.any([over.signal, AbortSignal.timeout(START_TIMEOUT)]);
  const died = once(child, "exit", { signal }).then(() => Promise.reject(new Error(`${what} died`)));
  try {
    const [message] = (await Promise.race([once(child, "message", { signal }), died])) as [T];
    return message;
  } finally {
    over.abort();
  }
}

const bun = fileURLToPath(
  new URL(`../node_modules/@oven/bun-${process.platform}-${process.arch}/bin/bun`, import.meta.url),
);

/** Starts a program of bench/servers. */
export async function startServer(
  program: string,
  env: Readonly<Record<string, string>> = {},
): Promise<Server> {
  const file = fileURLToPath(new URL(`../servers/${program}`, import.meta.url));
  const runtime = program === "bun.js" ? [bun] : [process.execPath, "--expose-gc"];
  const child = start([...runtime, file], env, true);
  const { port } = await told<{ port: number }>(child, program);
  const asked = <T>(wish: string): Promise<T> => {
    child.send(wish);
    return told<T>(child, program);
  };
  return {
    port,
    cpu: () => cpuOf(child),
    resident: () => residentOf(child),
    async collect() {
      for (let times = 0; times < 3; times += 1) {
        await asked("collect");
        await sleep(300);
      }
    },
    observe: () => asked("observe"),
    async observed() {
      const pauses = await asked<Partial<Pauses>>("observed");
      return pauses.late === undefined ? null : (pauses as Pauses);
    },
    stop: () => stop(child),
  };
}
