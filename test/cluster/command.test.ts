/** `actionwire cluster`: several processes behind one port, with nothing before them. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { hears, player, range } from "../cuts/stage.ts";
import { eventually, freePort, RedisServer } from "../support/index.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
let redis: RedisServer;
before(async () => {
  redis = await RedisServer.start();
});
after(() => redis?.stop());

function start(command: string, env: Readonly<Record<string, string>>) {
  const { NODE_TEST_CONTEXT: _, REDIS_URL: __, ...inherited } = process.env;
  const child = spawn(process.execPath, ["bin/actionwire.js", command, "demo", "--workers", "3"], {
    cwd: root,
    env: { ...inherited, HOST: "127.0.0.1", LOG_LEVEL: "silent", ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const exit = once(child, "exit");
  let output = "";
  for (const stream of [child.stdout, child.stderr])
    stream.on("data", (chunk: Buffer) => {
      output += chunk.toString();
    });
  /** Processes that have said that they are ready. */
  const pids = () => [...output.matchAll(/, process (\d+)$/gm)].map(([, pid]) => Number(pid));
  return { child, exit, pids, output: () => output };
}

test("three processes are one server; one that is killed is replaced, and SIGTERM ends all of them with 0", async (t) => {
  const port = await freePort();
  const { child, exit, pids } = start("cluster", { REDIS_URL: redis.url, PORT: String(port) });
  t.after(() => child.kill("SIGTERM"));
  await eventually(() => assert.equal(pids().length, 3), { timeout: 30_000 });
  const host = `http://127.0.0.1:${port}`;
  const players = (["websocket", "long-polling", "long-polling"] as const).map((transport) =>
    player({ host, transports: [transport] }),
  );
  t.after(() => Promise.all(players.map(({ client }) => client.disconnect())));
  for (const { client } of players) await client.connect();
  const ids = players.map(({ client }) => client.id);
  for (const n of range(0, 10)) await players[0]!.client.say(String(n));
  process.kill(pids()[0]!, "SIGKILL");
  for (const n of range(10, 20)) await players[0]!.client.say(String(n));
  for (const who of players.slice(1)) await hears(who, range(0, 20));
  await eventually(() => assert.equal(pids().length, 4), { timeout: 30_000 });
  assert.deepEqual(
    players.map(({ client }) => client.id),
    ids,
  );
  await Promise.all(players.map(({ client }) => client.disconnect()));
  child.kill("SIGTERM");
  assert.deepEqual(await exit, [0, null]);
});

test("under its traditional name it needs Redis, too", async () => {
  const { exit, output } = start("startCluster", { PORT: "0" });
  assert.deepEqual(await exit, [1, null]);
  assert.match(output(), /^actionwire: .*a cluster needs Redis: set REDIS_URL/);
});

test("where none can start, all end, and the reason is told", async () => {
  const { exit, output } = start("cluster", { REDIS_URL: redis.url, PORT: String(redis.port) });
  const ended = await exit;
  assert.deepEqual(ended, [1, null], `it ended with ${ended}, and wrote: ${output()}`);
  assert.match(output(), /actionwire: .*is in use/);
});
