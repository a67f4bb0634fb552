import { existsSync, mkdirSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { run } from "./run.js";

/** The long-term-support release that the suite also runs on. */
export const LTS_VERSION = "24.21.0";

const PLATFORM = process.platform === "win32" ? "win" : process.platform;

function isGlibc() {
  return process.platform !== "linux" || Boolean(process.report?.getReport().header.glibcVersionRuntime);
}

/**
 * Path of the LTS release's `node`, brought once from the npm registry into `.cache`. It comes as the platform's own
 * package, which is nothing but the binary (the package `node` would need an install script), and into a folder of its own:
 * among this project's dependencies its `bin` would become the `node` of every npm script.
 */
export async function ltsNode(root) {
  const name = `node-${PLATFORM}-${process.arch}`;
  const home = join(root, ".cache", `node-${LTS_VERSION}-${PLATFORM}-${process.arch}`);
  const binary = join("node_modules", name, "bin", PLATFORM === "win" ? "node.exe" : "node");
  if (existsSync(join(home, binary))) return join(home, binary);
  if (!isGlibc()) throw new Error(`${name} is built for glibc, and this system has another C library`);

  const draft = `${home}.${process.pid}`;
  mkdirSync(draft, { recursive: true });
  console.log(`Fetching Node ${LTS_VERSION} (${name}) from the npm registry, once.`);
  try {
    const code = await run(
      process.platform === "win32" ? "npm.cmd" : "npm",
      [
        "install",
        "--prefix",
        draft,
        "--no-save",
        "--no-package-lock",
        "--ignore-scripts",
        "--no-audit",
        "--no-fund",
        "--loglevel=error",
        `${name}@${LTS_VERSION}`,
      ],
      { cwd: draft, shell: process.platform === "win32" },
    );
    if (code !== 0 || !existsSync(join(draft, binary)))
      throw new Error(`npm could not install ${name}@${LTS_VERSION}`);
    if (!existsSync(home)) renameSync(draft, home);
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
  return join(home, binary);
}

/** Major version of a release, `24` for `24.21.0`. */
export const major = (version) => Number(version.replace(/^v/, "").split(".")[0]);
