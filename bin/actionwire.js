#!/usr/bin/env node
import { existsSync } from "node:fs";

const cli = new URL("../dist/cli/index.js", import.meta.url);
if (!existsSync(cli)) {
  console.error("actionwire: it has not been built yet: run `npm run build` in its folder");
  process.exit(1);
}
const { main } = await import(cli.href);
await main(process.argv.slice(2));
