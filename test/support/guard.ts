/**
 * Loaded before every test file. Node's runner already fails a file on a stray rejection or exception; this adds
 * what it leaves open: a test that hangs, a file whose tests are over while something still runs, a listener leak.
 */
import { after, afterEach, beforeEach } from "node:test";
import { isMainThread } from "node:worker_threads";

const LIMIT = Number(process.env.ACTIONWIRE_TEST_TIMEOUT ?? 120_000);
const GRACE_AT_THE_END = 10_000;

function giveUp(reason: string): never {
  const open = process.getActiveResourcesInfo().join(", ") || "nothing";
  process.stderr.write(`\n${process.argv[1]}: ${reason}\nStill open: ${open}\n`);
  process.exit(1);
}

function guard(): void {
  const running = new Set<string>();
  const progress = setTimeout(() => {
    const names = [...running].join(", ") || "no test";
    giveUp(`nothing began or ended for ${LIMIT / 1000} s (running: ${names})`);
  }, LIMIT).unref();

  beforeEach((test) => {
    if ("name" in test) running.add(test.name);
    progress.refresh();
  });
  afterEach((test) => {
    if ("name" in test) running.delete(test.name);
    progress.refresh();
  });
  after(() => {
    clearTimeout(progress);
    setTimeout(() => giveUp("its tests are over, but it does not end"), GRACE_AT_THE_END).unref();
  });
  process.on("warning", (warning) => {
    if (warning.name === "MaxListenersExceededWarning") process.exitCode = 1;
  });
}

// The runner itself loads this too; only the processes that run a file are guarded.
if (isMainThread && process.env.NODE_TEST_CONTEXT?.startsWith("child")) guard();
