import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import net, { type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { eventually } from "../support/index.ts";
import { freePort } from "../support/process.ts";

const bin = fileURLToPath(new URL("../../bin/actionwire.js", import.meta.url));
const root = fileURLToPath(new URL("../..", import.meta.url));

interface Command {
  readonly child: ChildProcess;
  readonly exit: Promise<unknown[]>;
  output(): { readonly stdout: string; readonly stderr: string };
}

const actionwire = (t: TestContext, args: readonly string[], env: Record<string, string> = {}): Command =>
  run(t, process.execPath, [bin, ...args], tmpdir(), env);

const run = (
  t: TestContext,
  program: string,
  args: readonly string[],
  cwd: string,
  env: Record<string, string> = {},
): Command => {
  const { NODE_TEST_CONTEXT: _, REDIS_URL: __, ...inherited } = process.env;
  const child = spawn(program, args, {
    cwd,
    env: { ...inherited, HOST: "127.0.0.1", PORT: "0", LOG_LEVEL: "silent", ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
  t.after(() => child.kill("SIGKILL"));
  let stdout = "";
  let stderr = "";
  child.stdout.on("data", (data) => {
    stdout += data;
  });
  child.stderr.on("data", (data) => {
    stderr += data;
  });
  return { child, exit: once(child, "close"), output: () => ({ stdout, stderr }) };
};

const project = async (t: TestContext): Promise<string> => {
  const dir = await mkdtemp(path.join(tmpdir(), "actionwire-command-"));
  t.after(() => rm(dir, { recursive: true, force: true }));
  await mkdir(path.join(dir, "actions"));
  await mkdir(path.join(dir, "public"));
  await writeFile(path.join(dir, "public/index.html"), "<p>home");
  const head = 'import { defineAction } from "actionwire";\n';
  const slow =
    "await new Promise((resolve) => setTimeout(resolve, Number(params.ms))); return { slept: true };";
  await writeFile(
    path.join(dir, "actions/sleep.ts"),
    `${head}export default defineAction({ name: "sleep", description: "", run: async ({ params }) => { ${slow} } });`,
  );
  return dir;
};

/** The address in the banner, once it is there. */
const ready = ({ output }: Command): Promise<string> =>
  eventually(() => output().stdout.match(/actions\s+(http\S+)\/api/)?.[1] ?? null, { timeout: 20_000 });

test("start: the banner says where to look, and it is there; SIGTERM ends it with 0", async (t) => {
  const command = actionwire(t, ["start", await project(t)]);
  const base = await ready(command);
  const { stdout } = command.output();
  assert.match(stdout, /page +http:\/\/127\.0\.0\.1:\d+\/$/m);
  assert.match(stdout, /bayeux +http:\/\/127\.0\.0\.1:\d+\/faye$/m);
  assert.match(stdout, /engine +memory/);
  assert.equal(await (await fetch(`${base}/`)).text(), "<p>home");
  assert.deepEqual(await (await fetch(`${base}/api/sleep?ms=1`)).json(), { slept: true });
  command.child.kill("SIGTERM");
  assert.deepEqual(await command.exit, [0, null]);
  assert.equal(command.output().stderr, "");
});

test("SIGINT lets an action under way finish, a second one ends it at once", async (t) => {
  const patient = actionwire(t, ["start", await project(t)]);
  const answer = fetch(`${await ready(patient)}/api/sleep?ms=600`);
  await new Promise((resolve) => setTimeout(resolve, 200));
  patient.child.kill("SIGINT");
  assert.deepEqual(await (await answer).json(), { slept: true });
  assert.deepEqual(await patient.exit, [0, null]);

  const hasty = actionwire(t, ["start", await project(t)]);
  const lost = fetch(`${await ready(hasty)}/api/sleep?ms=60000`).catch(() => "lost");
  await new Promise((resolve) => setTimeout(resolve, 200));
  hasty.child.kill("SIGINT");
  await new Promise((resolve) => setTimeout(resolve, 200));
  hasty.child.kill("SIGINT");
  assert.deepEqual(await hasty.exit, [130, null]);
  assert.equal(await lost, "lost");
});

test("npm start: a signal to npm alone ends the server, with 0, and its port is free", async (t) => {
  const generated = path.join(await project(t), "app");
  assert.deepEqual(await actionwire(t, ["generate", generated]).exit, [0, null]);
  await mkdir(path.join(generated, "node_modules/.bin"), { recursive: true });
  await symlink(bin, path.join(generated, "node_modules/.bin/actionwire"));
  for (const [folder, signal] of [
    [root, "SIGTERM"],
    [root, "SIGINT"],
    [generated, "SIGTERM"],
    [generated, "SIGINT"],
  ] as const) {
    const npm = run(t, "npm", ["start"], folder);
    const base = await ready(npm);
    const server = Number(npm.output().stdout.match(/process (\d+)$/m)?.[1]);
    t.after(() => {
      try {
        process.kill(server, "SIGKILL");
      } catch {
        // It has ended, as it should.
      }
    });
    npm.child.kill(signal);
    assert.deepEqual(await npm.exit, [0, null], `${folder} ${signal}`);
    await assert.rejects(fetch(`${base}/healthz`));
  }
});

test("what a terminal and npm tell at once is one signal", async (t) => {
  const command = actionwire(t, ["start", await project(t)]);
  const answer = fetch(`${await ready(command)}/api/sleep?ms=600`);
  await new Promise((resolve) => setTimeout(resolve, 200));
  command.child.kill("SIGINT");
  await new Promise((resolve) => setTimeout(resolve, 10));
  command.child.kill("SIGINT");
  assert.deepEqual(await (await answer).json(), { slept: true });
  assert.deepEqual(await command.exit, [0, null]);
});

test("while Redis cannot be reached it is alive and not ready, and SIGTERM ends it with 0", async (t) => {
  const port = await freePort();
  const env = { REDIS_URL: `redis://127.0.0.1:${await freePort()}`, PORT: String(port) };
  const command = actionwire(t, ["start", await project(t)], env);
  const base = `http://127.0.0.1:${port}`;
  const status = (path: string) =>
    fetch(base + path).then(
      ({ status }) => status,
      () => 0,
    );
  await eventually(async () => (await status("/healthz")) === 200, { timeout: 20_000 });
  assert.equal(await status("/readyz"), 503);
  command.child.kill("SIGTERM");
  assert.deepEqual(await command.exit, [0, null]);
});

test("what cannot start says why in one line, and exits with 1", async (t) => {
  const dir = await project(t);
  const taken = net.createServer().listen(0, "127.0.0.1");
  await once(taken, "listening");
  t.after(() => taken.close());
  const PORT = String((taken.address() as AddressInfo).port);
  const cases: [string[], Record<string, string>, RegExp][] = [
    [["start", dir], { PORT }, new RegExp(`^actionwire: 127\\.0\\.0\\.1:${PORT} is in use: .*PORT`)],
    [["start", dir], { PORT: "eighty" }, /^actionwire: configuration refused: "servers.web.port" .*"eighty"/],
    [
      ["start", dir],
      { REDIS_URL: "127.0.0.1:6379" },
      /^actionwire: configuration refused: "redis": the URL of Redis is not a URL/,
    ],
    [
      ["start", dir],
      { TLS_KEY_FILE: "/none", TLS_CERT_FILE: "/none" },
      /^actionwire: the TLS key or certificate/,
    ],
    [["start", path.join(dir, "none")], {}, /^actionwire: .* is not a folder/],
  ];
  for (const [args, env, said] of cases) {
    const command = actionwire(t, args, env);
    assert.deepEqual(await command.exit, [1, null]);
    const { stdout, stderr } = command.output();
    assert.match(stderr, said);
    assert.equal(stderr.trim().split("\n").length, 1, stderr);
    assert.equal(stdout, "");
  }
});

test("a command that is misspelt is told the right one", async (t) => {
  const command = actionwire(t, ["strat"]);
  assert.deepEqual(await command.exit, [1, null]);
  assert.match(command.output().stderr, /Did you mean start\?/);
});
