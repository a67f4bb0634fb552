import { type ChildProcess, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { freePort } from "./process.ts";

const START_TIMEOUT = 10_000;

/**
 * A redis-server of one's own: on a free port, in a folder of its own, writing nothing to disk unless told to. Stop it in the
 * end; what is left dies with this process.
 */
export class RedisServer {
  readonly port: number;
  readonly dir: string;
  readonly #settings: readonly string[];
  #child: ChildProcess;

  private constructor(port: number, dir: string, settings: readonly string[], child: ChildProcess) {
    this.port = port;
    this.dir = dir;
    this.#settings = settings;
    this.#child = child;
  }

  /** `settings` as on the command line of redis-server, such as `--maxmemory 5mb`. */
  static async start(...settings: string[]): Promise<RedisServer> {
    const port = await freePort();
    const dir = mkdtempSync(join(tmpdir(), "actionwire-redis-"));
    try {
      return new RedisServer(port, dir, settings, await launch(port, dir, settings));
    } catch (error) {
      rmSync(dir, { recursive: true });
      throw error;
    }
  }

  /** A Sentinel that alone watches over a master, and is quick to give it up. */
  static async sentinel(master: number): Promise<RedisServer> {
    const port = await freePort();
    const dir = mkdtempSync(join(tmpdir(), "actionwire-sentinel-"));
    const file = join(dir, "sentinel.conf");
    writeFileSync(
      file,
      [
        `port ${port}`,
        "bind 127.0.0.1",
        `dir ${dir}`,
        `sentinel monitor mymaster 127.0.0.1 ${master} 1`,
        "sentinel down-after-milliseconds mymaster 500",
        "sentinel failover-timeout mymaster 2000",
      ].join("\n"),
    );
    const child = await spawned([file, "--sentinel"], /Sentinel ID is/);
    return new RedisServer(port, dir, [], child);
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  /** Kills it (SIGKILL) and starts it again with what is on its disk. */
  async restart(): Promise<void> {
    await this.kill();
    this.#child = await launch(this.port, this.dir, this.#settings);
  }

  /** Has the next start find nothing, whatever was saved. */
  forget(): void {
    rmSync(join(this.dir, "dump.rdb"), { force: true });
  }

  kill(): Promise<void> {
    return end(this.#child);
  }

  /** Stops the process without ending it, as a machine that hangs. */
  freeze(): void {
    this.#child.kill("SIGSTOP");
  }

  thaw(): void {
    this.#child.kill("SIGCONT");
  }

  async stop(): Promise<void> {
    await this.kill();
    rmSync(this.dir, { recursive: true, force: true });
  }
}

const running = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

function launch(port: number, dir: string, settings: readonly string[]): Promise<ChildProcess> {
  const fixed = ["--port", `${port}`, "--bind", "127.0.0.1", "--dir", dir, "--save", "", "--daemonize", "no"];
  return spawned(
    [...fixed, ...settings.flatMap((setting) => setting.split(" "))],
    /Ready to accept connections/,
  );
}

/** Resolves when it has written a line that fits. */
function spawned(args: readonly string[], ready: RegExp): Promise<ChildProcess> {
  const child = spawn("redis-server", args, { stdio: ["ignore", "pipe", "inherit"] });
  running.add(child);
  child.once("exit", () => running.delete(child));
  return new Promise((resolve, reject) => {
    const said: string[] = [];
    const fail = (why: string): void => {
      clearTimeout(timer);
      child.kill("SIGKILL");
      reject(new Error(`redis-server ${why}\n${said.join("\n")}`));
    };
    const timer = setTimeout(() => fail("did not start in time"), START_TIMEOUT);
    child.once("error", (error) =>
      fail(
        "code" in error && error.code === "ENOENT"
          ? "is needed for this test and is not on the PATH (Debian, Ubuntu: sudo apt-get install redis-server)"
          : `could not be started: ${error.message}`,
      ),
    );
    child.once("exit", (code) => fail(`ended with code ${code}`));
    createInterface({ input: child.stdout! }).on("line", (line) => {
      said.push(line);
      if (!ready.test(line)) return;
      clearTimeout(timer);
      child.removeAllListeners("exit").once("exit", () => running.delete(child));
      resolve(child);
    });
  });
}

function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve();
  return new Promise((resolve) => {
    child.once("exit", () => resolve());
    child.kill("SIGKILL");
  });
}
