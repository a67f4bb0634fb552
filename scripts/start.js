/**
 * npm start                 builds what is not built and serves the demo
 * npm start -- some/folder  … another project
 *
 * The command line runs in this very process, so that a signal reaches it and nothing is left behind.
 */
import { fileURLToPath } from "node:url";
import { build, isBuilt } from "./build.js";

if (!isBuilt()) {
  console.error("building …");
  try {
    await build();
  } catch (error) {
    console.error(`build: ${error.message}`);
    process.exit(1);
  }
}
const { main } = await import(new URL("../dist/cli/index.js", import.meta.url).href);
const dir = process.argv[2] ?? fileURLToPath(new URL("../demo", import.meta.url));
await main(["start", dir]);
