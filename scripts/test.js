/**
 * npm test                                     everything: this Node, the browser, then the LTS release of Node
 * npm test -- test/engine redis                files with any of these in their path, on this Node
 * npm test -- --test-name-pattern=resume       options go to Node's test runner
 *
 * ACTIONWIRE_NODES=current | all               which releases of Node; `all` unless files are named
 * ACTIONWIRE_BRIEF=1                           three seeds of each simulated scenario, a short history check
 * ACTIONWIRE_TEST_TIMEOUT=120000               milliseconds one test may take
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { LTS_VERSION, ltsNode, major } from "./lib/lts-node.js";
import { ensurePrograms } from "./lib/requirements.js";
import { run } from "./lib/run.js";
import { listTestFiles, selectTests } from "./lib/test-files.js";

const root = fileURLToPath(new URL("..", import.meta.url));
const guard = pathToFileURL(join(root, "test/support/guard.ts")).href;
const failuresReporter = pathToFileURL(join(root, "scripts/lib/failures-reporter.js")).href;
const needsBrowser = (file) => file.startsWith("test/browser/");

/** Runs these files on one release of Node; what failed is told again at the end of everything. */
async function suite(node, files, options, concurrency, env = process.env) {
  const folder = mkdtempSync(join(tmpdir(), "actionwire-test-"));
  const failures = join(folder, "failures");
  const flags = [
    "--import",
    "tsx",
    "--import",
    guard,
    "--test",
    "--test-reporter=spec",
    "--test-reporter-destination=stdout",
    `--test-reporter=${failuresReporter}`,
    `--test-reporter-destination=${failures}`,
    `--test-concurrency=${concurrency}`,
  ];
  try {
    const code = await run(node, [...flags, ...options, ...files], { cwd: root, env });
    return { code, failures: readFileSync(failures, "utf8") };
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** The steps of this run, in order; each resolves with an exit code and the failed tests. */
function plan({ chosen, options, all }) {
  const plain = chosen.filter((file) => !needsBrowser(file));
  const browser = chosen.filter(needsBrowser);
  const nodes = process.env.ACTIONWIRE_NODES ?? (all ? "all" : "current");
  if (nodes !== "all" && nodes !== "current")
    throw new Error(`ACTIONWIRE_NODES is "all" or "current", not "${nodes}"`);
  const steps = [];
  const files = (list) => `${list.length} ${list.length === 1 ? "file" : "files"}`;

  if (plain.length > 0) {
    const concurrency = Math.min(4, availableParallelism());
    steps.push([
      `Node ${process.versions.node}, ${files(plain)}`,
      () => suite(process.execPath, plain, options, concurrency),
    ]);
  }
  // A browser wants the machine for itself: one file at a time, and once, because the release of Node changes nothing in it.
  if (browser.length > 0) {
    steps.push([`Browser, ${files(browser)}`, () => suite(process.execPath, browser, options, 1)]);
  }
  if (plain.length > 0 && nodes === "all" && major(process.versions.node) !== major(LTS_VERSION)) {
    const concurrency = Math.min(4, availableParallelism());
    steps.push([
      `Node ${LTS_VERSION} (LTS), ${files(plain)}`,
      async () =>
        suite(await ltsNode(root), plain, options, concurrency, { ...process.env, ACTIONWIRE_BRIEF: "1" }),
    ]);
  }
  return steps;
}

function seconds(since) {
  return `${((performance.now() - since) / 1000).toFixed(1)} s`;
}

async function step(title, act) {
  const since = performance.now();
  console.log(`\n── ${title}\n`);
  let code = 1;
  let failures = "";
  try {
    ({ code, failures } = await act());
  } catch (error) {
    console.error(error.message);
  }
  return { line: `  ${code === 0 ? "✔" : "✖"} ${title} (${seconds(since)})`, failures, ok: code === 0 };
}

async function main() {
  const begun = performance.now();
  const selection = selectTests(listTestFiles(root), process.argv.slice(2));
  await ensurePrograms(selection.chosen);

  const build = async () => ({
    code: await run(process.execPath, ["scripts/build.js"], { cwd: root }),
    failures: "",
  });
  const results = [await step("Build", build)];
  // What the build breaks, the suite would report a hundred times over.
  if (results.every((result) => result.ok)) {
    for (const [title, act] of plan(selection)) results.push(await step(title, act));
  }

  const passed = results.every((result) => result.ok);
  console.log(`\n${results.map(({ line, failures }) => `${line}\n${failures}`).join("")}`.trimEnd());
  console.log(passed ? `\nAll tests passed in ${seconds(begun)}.` : `\nTests failed (${seconds(begun)}).`);
  return passed ? 0 : 1;
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(error.message);
  process.exitCode = 1;
}
