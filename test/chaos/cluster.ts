import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { eventually } from "../support/eventually.ts";

/** What a node is told. */
export interface NodeSettings {
  readonly port: number;
  readonly redis: string;
  /** The file in which actions write down that they were run. */
  readonly ran: string;
  readonly keeps: number;
  /** Milliseconds. */
  readonly lease: number;
  /** Seconds. */
  readonly grace: number;
  /** Milliseconds after which nobody waits for Redis any more; null: what the engine thinks right. */
  readonly commandTimeout: number | null;
  readonly planted: string | null;
  /** A file for all that nodes log. */
  readonly log: string | null;
}

const root = fileURLToPath(new URL("../../", import.meta.url));

/** Two runs may share a process. */
let programs = 0;

/** A node is started every other second, so it is one file of JavaScript. */
export async function compileNode(): Promise<string> {
  programs += 1;
  const home = join(root, ".cache", `chaos-${process.pid}-${programs}`);
  mkdirSync(home, { recursive: true });
  const outfile = join(home, "node.mjs");
  await build({
    entryPoints: [fileURLToPath(new URL("./node.ts", import.meta.url))],
    outfile,
    bundle: true,
    packages: "external",
    platform: "node",
    format: "esm",
    logLevel: "warning",
  });
  // Where the engine looks for its scripts: beside its code.
  cpSync(join(root, "src/engine/redis/lua"), join(home, "lua"), { recursive: true });
  return outfile;
}

export const homeOf = (program: string): string => join(program, "..");

/** One place in the cluster: a process, and the next one when that was killed. */
export class ClusterNode {
  readonly number: number;
  readonly url: string;
  readonly port: number;
  /** `starting`: it may refuse connections. */
  state: "starting" | "running" | "paused" = "starting";
  readonly #program: string;
  readonly #settings: NodeSettings;
  readonly #wrong: (what: string) => void;
  #child: ChildProcess | null = null;
  #closed = false;

  constructor(number: number, program: string, settings: NodeSettings, wrong: (what: string) => void) {
    this.number = number;
    this.port = settings.port;
    this.url = `http://127.0.0.1:${settings.port}`;
    this.#program = program;
    this.#settings = settings;
    this.#wrong = wrong;
  }

  async start(): Promise<void> {
    this.state = "starting";
    // The runner's own variable would make a child speak to the runner.
    const { NODE_TEST_CONTEXT: _, ...env } = process.env;
    const child = spawn(process.execPath, [this.#program, JSON.stringify(this.#settings)], {
      cwd: root,
      env,
      stdio: ["ignore", "ignore", "pipe"],
    });
    this.#child = child;
    children.add(child);
    child.once("exit", (code, signal) => {
      children.delete(child);
      if (this.#child !== child || this.#closed) return;
      this.#wrong(`node ${this.number} ended by itself: ${code ?? signal}`);
    });
    createInterface({ input: child.stderr }).on("line", (line) =>
      this.#wrong(`node ${this.number}: ${line}`),
    );
    await eventually(
      async () => {
        if (this.#child !== child || this.#closed) return true;
        return (await fetch(`${this.url}/healthz`)).ok;
      },
      { timeout: 30_000, interval: 50 },
    );
    if (this.#child === child && this.state === "starting") this.state = "running";
  }

  async kill(): Promise<void> {
    const child = this.#child;
    this.#child = null;
    this.state = "starting";
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const exit = once(child, "exit");
    child.kill("SIGKILL");
    await exit;
  }

  pause(): void {
    this.state = "paused";
    this.#child?.kill("SIGSTOP");
  }

  resume(): void {
    if (this.state !== "paused") return;
    this.#child?.kill("SIGCONT");
    this.state = "running";
  }

  close(): Promise<void> {
    this.#closed = true;
    return this.kill();
  }
}

const children = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of children) child.kill("SIGKILL");
});
