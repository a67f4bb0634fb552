/** Before a bench: installs the servers to measure beside, once, and builds what is not built. */
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build, isBuilt } from "../scripts/build.js";
import { run } from "../scripts/lib/run.js";

const bench = fileURLToPath(new URL(".", import.meta.url));
if (!existsSync(`${bench}node_modules/.package-lock.json`)) {
  console.log("installing the servers to measure beside, in bench/node_modules …");
  const code = await run("npm", ["install", "--ignore-scripts"], { cwd: bench });
  if (code !== 0) process.exit(code);
}
if (!isBuilt()) {
  console.log("building …");
  await build();
}
