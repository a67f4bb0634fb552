/**
 * npm run build              compiles src/ to dist/, and bundles the browser's client
 * npm run build -- --force   also when dist/ is up to date
 */
import { spawn } from "node:child_process";
import {
  cpSync,
  existsSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const dist = path.join(root, "dist");
/** Written last: a build that was interrupted has none. */
const stampName = ".built";
const stamp = path.join(dist, stampName);
const client = path.join(root, "src/client/global.ts");
const inputs = ["src", "tsconfig.json", "tsconfig.build.json", "package.json", "scripts/build.js"];

/** When anything below a path was last changed; folders count, so that a removed file is noticed. */
const newest = (file) => {
  const stats = statSync(file);
  if (!stats.isDirectory()) return stats.mtimeMs;
  return Math.max(stats.mtimeMs, ...readdirSync(file).map((name) => newest(path.join(file, name))));
};

export const isBuilt = () => {
  if (!existsSync(stamp)) return false;
  const built = statSync(stamp).mtimeMs;
  return inputs.every((name) => newest(path.join(root, name)) <= built);
};

const run = (file, args) =>
  new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [file, ...args], { cwd: root, stdio: "inherit" });
    child.on("error", reject);
    child.on("exit", (code) => (code === 0 ? resolve() : reject(new Error(`${path.basename(file)} failed`))));
  });

/** The compiler that this project pins, not one that happens to be on the path. */
const compiler = () => {
  const require = createRequire(import.meta.url);
  const manifest = require.resolve("typescript/package.json");
  return path.join(path.dirname(manifest), require(manifest).bin.tsc);
};

/** What is read at run time and is no TypeScript: the engine's scripts. */
const copyScripts = (made) => {
  const lua = "engine/redis/lua";
  cpSync(path.join(root, "src", lua), path.join(made, lua), { recursive: true });
};

const bundle = async (made) => {
  if (!existsSync(client)) return;
  const { build } = await import("esbuild");
  await build({
    entryPoints: [client],
    outfile: path.join(made, "client/actionHeroWebSocket.js"),
    bundle: true,
    format: "iife",
    target: "es2018",
    platform: "browser",
    sourcemap: true,
    logLevel: "warning",
  });
};

/** Two builds at once must not mix: each has a folder of its own, and the first to finish is as good as the second. */
const publish = (made) => {
  for (let attempt = 1; ; attempt++) {
    rmSync(dist, { recursive: true, force: true });
    try {
      return renameSync(made, dist);
    } catch (error) {
      if (attempt === 10) throw error;
    }
  }
};

export const build = async () => {
  // What is changed while it is read must be younger than the stamp.
  const begun = new Date();
  const made = path.join(root, `.dist-${process.pid}`);
  try {
    await run(compiler(), ["-p", "tsconfig.build.json", "--outDir", made]);
    copyScripts(made);
    await bundle(made);
    writeFileSync(path.join(made, stampName), "");
    utimesSync(path.join(made, stampName), begun, begun);
    publish(made);
  } finally {
    rmSync(made, { recursive: true, force: true });
  }
};

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  if (isBuilt() && !process.argv.includes("--force")) {
    console.log("dist/ is up to date");
  } else {
    try {
      await build();
    } catch (error) {
      console.error(`build: ${error.message}`);
      process.exit(1);
    }
  }
}
