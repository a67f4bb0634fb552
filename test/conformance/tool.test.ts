/** `npm run conformance` finds nothing wrong with this server, and says what it left out. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { startApp } from "../wire/support/app.ts";

const tool = fileURLToPath(new URL("run.ts", import.meta.url));

/** What it printed, and its exit code. The runner's own variable would make it speak to the runner. */
async function judge(...args: string[]): Promise<{ code: number; said: string }> {
  const { NODE_TEST_CONTEXT: _, ...env } = process.env;
  const asked = promisify(execFile)(process.execPath, ["--import", "tsx", tool, ...args], { env });
  return asked.then(
    ({ stdout }) => ({ code: 0, said: stdout }),
    ({ code, stdout, stderr }) => ({ code, said: `${stdout}${stderr}` }),
  );
}

test("this server is as Bayeux has it", async () => {
  const hooks = { authorizeChannel: () => true };
  const server = await startApp({ hooks, config: { faye: { timeout: 1 }, limits: { eventsPerSecond: 0 } } });
  try {
    // The others take long, and judge this server in the suite anyway.
    const { code, said } = await judge("--only", "handshake,subscribe", `${server.url}/faye`);
    const [, passed, failed, left] = /(\d+) as expected, (\d+) not; (\d+) left out/.exec(said) ?? [];
    assert.deepEqual([code, Number(failed)], [0, 0], said);
    assert.ok(Number(passed) > 80, said);
    assert.ok(Number(left) > 0, said);
  } finally {
    await server.close();
  }
});

test("what is no Bayeux server, and no address at all, is told", async () => {
  const server = await startApp();
  try {
    const beside = await judge(`${server.url}/elsewhere`);
    assert.equal(beside.code, 2);
    assert.match(beside.said, /\/elsewhere/);
  } finally {
    await server.close();
  }
  const nothing = await judge();
  assert.equal(nothing.code, 2);
  assert.match(nothing.said, /Which server\?/);
});
