/** The balancers of docs/cluster.md, from the configurations that people copy. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { eventually } from "./eventually.ts";
import { freePort } from "./process.ts";

export interface Balancer {
  readonly url: string;
  close(): Promise<void>;
}

interface Program {
  readonly command: string;
  readonly file: string;
  readonly debianPackage: string;
  /** The configuration as a test needs it, and how the program is started with it. */
  readonly adapt: (text: string, folder: string) => string;
  readonly args: (file: string, folder: string) => readonly string[];
}

const PROGRAMS = {
  nginx: {
    command: "nginx",
    file: "nginx.conf",
    debianPackage: "nginx-light",
    // Where it keeps what does not fit into memory: in a folder of its own, so that anybody may run the tests.
    adapt: (text, folder) => {
      const kinds = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
      return text.replace(
        "http {",
        `http {\n${kinds.map((kind) => `${kind}_temp_path ${folder}/${kind};`).join("\n")}`,
      );
    },
    args: (file, folder) => [
      ...["-p", folder, "-c", file, "-e", "stderr"],
      ...["-g", `daemon off; pid ${folder}/pid; error_log stderr warn;`],
    ],
  },
  haproxy: {
    command: "haproxy",
    file: "haproxy.cfg",
    debianPackage: "haproxy",
    adapt: (text) => text,
    args: (file) => ["-db", "-f", file],
  },
} satisfies Record<string, Program>;

type BalancerName = keyof typeof PROGRAMS;

/** With nothing changed in examples/cluster but the ports. */
export async function startBalancer(name: BalancerName, nodes: readonly [number, number]): Promise<Balancer> {
  const program: Program = PROGRAMS[name];
  const folder = mkdtempSync(join(tmpdir(), `actionwire-${name}-`));
  // The workers of nginx are another user when root starts it.
  chmodSync(folder, 0o755);
  const port = await freePort();
  const given = readFileSync(new URL(`../../examples/cluster/${program.file}`, import.meta.url), "utf8");
  const ports = new Map([
    ["8080", port],
    ["8081", nodes[0]],
    ["8082", nodes[1]],
  ]);
  const text = given.replace(/\b808[012]\b/g, (written) => String(ports.get(written)));
  const file = join(folder, program.file);
  writeFileSync(file, program.adapt(text, folder));
  const path = `${process.env.PATH ?? ""}:/usr/local/sbin:/usr/sbin:/sbin`;
  const child = spawn(program.command, program.args(file, folder), {
    env: { ...process.env, PATH: path },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (chunk: Buffer) => {
      output += chunk.toString();
    });
  let failed: Error | null = null;
  child.once("error", (error: NodeJS.ErrnoException) => {
    failed =
      error.code === "ENOENT"
        ? new Error(
            `${name} is needed for this test and is not installed (Debian, Ubuntu: sudo apt-get install ${program.debianPackage})`,
          )
        : error;
  });
  const url = `http://127.0.0.1:${port}`;
  const gone = (): boolean => failed !== null || child.exitCode !== null || child.signalCode !== null;
  // nginx told to end ends its workers; killed, it would leave them.
  const kill = (): void => void child.kill("SIGTERM");
  process.once("exit", kill);
  const close = async (): Promise<void> => {
    process.off("exit", kill);
    await end(child);
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await eventually(async () => gone() || (await fetch(`${url}/readyz`)).ok);
  } catch {
    // Told below.
  }
  if (failed !== null || gone() || !(await fetch(`${url}/readyz`).catch(() => null))?.ok) {
    await close();
    throw failed ?? new Error(`${name} did not become ready. It wrote:\n${output}`);
  }
  return { url, close };
}

/** SIGTERM ends either at once, and the workers of nginx with it; whatever hangs all the same is killed. */
async function end(child: ChildProcess): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const exit = once(child, "exit");
  child.kill("SIGTERM");
  const late = setTimeout(() => child.kill("SIGKILL"), 3_000);
  await exit;
  clearTimeout(late);
}
