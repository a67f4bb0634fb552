import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import net, { type AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { eventually } from "./eventually.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));

export interface SpawnOptions {
  /** The project folder, relative to this repository. Default `demo`. */
  readonly project?: string;
  readonly port?: number;
  readonly env?: Readonly<Record<string, string>>;
}

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A node of its own, started as a user would: `actionwire start <project>`. */
export interface ServerProcess {
  readonly port: number;
  readonly url: string;
  readonly pid: number;
  /** All it wrote, of every life. */
  output(): string;
  /** Ends it and waits until it is gone. SIGTERM lets it drain. */
  stop(signal?: NodeJS.Signals): Promise<Exit>;
  /** On the same port. Resolves when it is ready. */
  start(): Promise<void>;
  /** Ends it (SIGTERM when not told otherwise) and starts it again. */
  restart(signal?: NodeJS.Signals): Promise<void>;
  /** Kills it. */
  close(): Promise<void>;
}

/** A port that nothing listens on at the moment. */
export async function freePort(): Promise<number> {
  const server = net.createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}

async function isReady(url: string): Promise<boolean> {
  try {
    return (await fetch(`${url}/readyz`)).ok;
  } catch {
    return false;
  }
}

/** Starts `bin/actionwire.js`, which needs `npm run build` to have run; `npm test` builds first. */
export async function spawnServer(options: SpawnOptions = {}): Promise<ServerProcess> {
  const port = options.port ?? (await freePort());
  const url = `http://127.0.0.1:${port}`;
  // The runner's own variable would make a child speak to the runner.
  const { NODE_TEST_CONTEXT: _, ...inherited } = process.env;
  const env = { ...inherited, LOG_LEVEL: "warn", HOST: "127.0.0.1", ...options.env, PORT: String(port) };
  let child: ChildProcess | null = null;
  let output = "";

  const start = async (): Promise<void> => {
    const started = spawn(process.execPath, ["bin/actionwire.js", "start", options.project ?? "demo"], {
      cwd: root,
      env,
      stdio: ["ignore", "pipe", "pipe"],
    });
    child = started;
    const keep = (chunk: Buffer): void => {
      output += chunk.toString();
    };
    started.stdout.on("data", keep);
    started.stderr.on("data", keep);
    const ready = await eventually(
      async () => started.exitCode !== null || started.signalCode !== null || (await isReady(url)),
      { timeout: 30_000, interval: 50 },
    ).catch(() => false);
    if (!ready || started.exitCode !== null || started.signalCode !== null) {
      started.kill("SIGKILL");
      throw new Error(`the server did not become ready on port ${port}. It wrote:\n${output}`);
    }
  };

  const stop = async (signal: NodeJS.Signals = "SIGTERM"): Promise<Exit> => {
    const stopped = child;
    if (stopped === null) throw new Error("the server is not running");
    if (stopped.exitCode === null && stopped.signalCode === null) {
      const exit = once(stopped, "exit");
      stopped.kill(signal);
      await exit;
    }
    child = null;
    return { code: stopped.exitCode, signal: stopped.signalCode };
  };

  await start();
  return {
    port,
    url,
    get pid() {
      if (child?.pid === undefined) throw new Error("the server is not running");
      return child.pid;
    },
    output: () => output,
    stop,
    start,
    async restart(signal) {
      await stop(signal);
      await start();
    },
    async close() {
      if (child !== null) await stop("SIGKILL");
    },
  };
}
