/**
 * Judges any Bayeux server: `npm run conformance -- http://localhost:8000/bayeux`. Cases that are about more than Bayeux 1.0, or need a
 * server configured for them, are left out. Best with connects that are held for a second or two: some cases wait for that.
 */
import type { AssertionError } from "node:assert";
import { run } from "node:test";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { handshake, type Message } from "../wire/support/messages.ts";

const CASES = ["envelope", "handshake", "connect", "subscribe", "publish", "transports"];

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    /** Some of them, such as `handshake,connect`. */
    only: { type: "string", default: CASES.join() },
  },
});

function stop(why: string): never {
  console.error(why);
  process.exit(2);
}

/** Seconds that a server says it holds a connect. */
async function introduce(url: string): Promise<number> {
  const body = JSON.stringify([handshake()]);
  const headers = { "Content-Type": "application/json" };
  const response = await fetch(url, { method: "POST", headers, body });
  const [reply] = (await response.json()) as Message[];
  if (reply?.successful !== true) stop(`${url} answers a handshake with ${JSON.stringify(reply)}`);
  const { timeout } = (reply.advice ?? {}) as { timeout?: number };
  if (timeout === undefined) stop(`${url} does not say in its advice for how long it holds a connect`);
  return timeout / 1000;
}

const url = positionals[0] ?? stop("Which server? npm run conformance -- http://localhost:8000/bayeux");
const timeout = await introduce(url).catch((error: Error) => stop(`${url}: ${error.message}`));
console.log(`${url} holds a connect for ${timeout} s`);
process.env.BAYEUX_URL = url;
process.env.BAYEUX_TIMEOUT = `${timeout}`;

const only = values.only.split(",");
if (only.some((name) => !CASES.includes(name))) stop(`--only: some of ${CASES.join()}`);
const files = only.map((name) => fileURLToPath(new URL(`${name}.test.ts`, import.meta.url)));
/** Of a file, which is given up then: a case that waits for longer than its connects waits for ten seconds. */
const FILE_TIMEOUT = (300 + 60 * timeout) * 1000;
const stream = run({ files, concurrency: 1, timeout: FILE_TIMEOUT });

let failed = 0;
let passed = 0;
let skipped = 0;

/** Why, in a line. What fails has crossed from another process: it is no AssertionError any more. */
function reason({ cause }: Error & { cause?: unknown }): string {
  const { message, generatedMessage, ...seen } = cause as AssertionError;
  if (!generatedMessage) return message.split("\n")[0]!;
  const [actual, expected] = [seen.actual, seen.expected].map((value) =>
    JSON.stringify(value)?.slice(0, 300),
  );
  return `it says ${actual}, expected is ${expected}`;
}

stream.on("test:pass", ({ name, skip, details }) => {
  if (details.type === "suite" || files.includes(name)) return;
  if (skip === undefined) passed += 1;
  else skipped += 1;
});
stream.on("test:fail", ({ name, details }) => {
  if (details.type === "suite" || files.includes(name)) return;
  failed += 1;
  console.log(`✖ ${name}\n    ${reason(details.error)}`);
});
stream.on("end", () => {
  console.log(`${passed} as expected, ${failed} not; ${skipped} left out`);
  process.exitCode = failed > 0 ? 1 : 0;
});
stream.resume();
