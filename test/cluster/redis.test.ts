import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { after, before, describe, type TestContext, test } from "node:test";
import { fileURLToPath } from "node:url";
import { hears, player, range } from "../cuts/stage.ts";
import {
  type Closable,
  closeAll,
  collector,
  createProxy,
  eventually,
  freePort,
  RedisServer,
  type ServerProcess,
  spawnServer,
} from "../support/index.ts";
import { openFaye } from "../wire/support/faye.ts";
import { post } from "../wire/support/http.ts";
import {
  connect,
  handshake,
  lineOf,
  type Message,
  minted,
  publish,
  subscribe,
} from "../wire/support/messages.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));

/** Everything that one test opens, closed after it. */
function owner(t: TestContext): <T extends Closable>(thing: T) => T {
  const things: Closable[] = [];
  t.after(() => closeAll(...things));
  return (thing) => {
    things.push(thing);
    return thing;
  };
}

describe("two nodes, one Redis", () => {
  let redis: RedisServer;
  let a: ServerProcess;
  let b: ServerProcess;
  before(async () => {
    redis = await RedisServer.start("--appendonly yes", "--appendfsync always");
    const env = { REDIS_URL: redis.url };
    [a, b] = await Promise.all([spawnServer({ env }), spawnServer({ env })]);
  });
  after(async () => {
    await closeAll(a, b);
    await redis.stop();
  });

  for (const [left, right] of [
    ["websocket", "websocket"],
    ["websocket", "long-polling"],
    ["long-polling", "long-polling"],
  ] as const) {
    test(`stock Faye clients chat, ${left} on the one and ${right} on the other`, async (t) => {
      const own = owner(t);
      const sides = await Promise.all(
        [openFaye(left)(a.url), openFaye(right)(b.url)].map(async (opening) => {
          const driver = own(await opening);
          const heard = collector<Message>();
          assert.equal(await driver.subscribe(lineOf(driver.connectionId), heard.push), null);
          await heard.find(({ welcome }) => welcome !== undefined);
          return { driver, heard };
        }),
      );
      const say = (i: number, message: unknown): Promise<string | null> => {
        const { driver } = sides[i]!;
        return driver.publish(lineOf(driver.connectionId), { event: "say", message });
      };
      for (let n = 0; n < 10; n++) {
        assert.equal(await say(n % 2, n), null);
        const { heard } = sides[1 - (n % 2)]!;
        const found = await heard.find(({ context, message }) => context === "user" && message === n);
        assert.equal(found.from, sides[n % 2]!.driver.connectionId);
      }
      const { driver, heard } = sides[0]!;
      await driver.publish(lineOf(driver.connectionId), { event: "roomView", messageId: 77 });
      const view = await heard.find(({ context, messageId }) => context === "response" && messageId === 77);
      const members = (view.data as { members: Record<string, unknown> }).members;
      for (const { driver } of sides) assert.ok(driver.connectionId in members);
    });
  }

  test("each request of one session reaches the other node than the one before", async (t) => {
    const own = owner(t);
    const listener = own(await openFaye("websocket")(a.url));
    const heard = collector<Message>();
    await listener.subscribe(lineOf(listener.connectionId), heard.push);
    const nodes = [a, b];
    let turn = 0;
    const carry = async (...unit: Message[]): Promise<Message[]> => {
      const answer = await post(`${nodes[turn++ % 2]!.url}/faye`, JSON.stringify(unit));
      return JSON.parse(answer.body) as Message[];
    };
    const [reply] = await carry(handshake());
    const { clientId, connectionId } = minted(reply!);
    const line = lineOf(connectionId);
    assert.equal((await carry(subscribe(clientId, line)))[0]?.successful, true);
    const said: unknown[] = [];
    for (let n = 0; n < 6; n++) {
      await listener.publish(lineOf(listener.connectionId), { event: "say", message: `to ${n}` });
      const answer = await carry(connect(clientId));
      assert.equal(answer.find(({ channel }) => channel === "/meta/connect")?.successful, true);
      for (const { data } of answer)
        if ((data as Message)?.context === "user") said.push((data as Message).message);
      const published = await carry(
        publish(clientId, line, { event: "say", message: `from ${n}` }, { id: `${n}` }),
      );
      assert.equal(published[0]?.successful, true, JSON.stringify(published));
    }
    assert.deepEqual(
      said.filter((text) => String(text).startsWith("to ")),
      range(0, 6).map((n) => `to ${n}`),
    );
    const mine = () => heard.all.filter(({ from }) => from === connectionId).map(({ message }) => message);
    await eventually(() =>
      assert.deepEqual(
        mine().filter((text) => String(text).startsWith("from ")),
        range(0, 6).map((n) => `from ${n}`),
      ),
    );
  });

  test("a client of ours goes on, on the other node, when its node is killed: every message once, in order", async (t) => {
    const own = owner(t);
    const proxy = own(await createProxy(a.port));
    const listener = player({ host: proxy.url });
    const speaker = player({ host: b.url });
    own({ close: () => Promise.all([listener.client.disconnect(), speaker.client.disconnect()]) });
    await Promise.all([listener.client.connect(), speaker.client.connect()]);
    const { id } = listener.client;
    for (const n of range(0, 10)) await speaker.client.say(String(n));
    await hears(listener, range(0, 10));
    proxy.target(b.port);
    await a.stop("SIGKILL");
    for (const n of range(10, 30)) await speaker.client.say(String(n));
    await eventually(() => assert.equal(listener.numbers().length, 30), { timeout: 40_000 });
    await hears(listener, range(0, 30));
    assert.equal(listener.client.id, id);
    assert.deepEqual(listener.gaps(), []);
    await a.start();
  });

  test("198: Redis is killed and comes back with its data: not ready meanwhile, and then the chat goes on", async (t) => {
    const own = owner(t);
    const players = [player({ host: a.url }), player({ host: b.url })] as const;
    own({ close: () => Promise.all(players.map(({ client }) => client.disconnect())) });
    await Promise.all(players.map(({ client }) => client.connect()));
    await players[0].client.say("0");
    await hears(players[1], [0]);
    await redis.kill();
    await eventually(async () => assert.equal((await fetch(`${a.url}/readyz`)).status, 503));
    assert.equal((await fetch(`${a.url}/healthz`)).status, 200);
    await redis.restart();
    for (const { url } of [a, b])
      await eventually(async () => assert.equal((await fetch(`${url}/readyz`)).status, 200), {
        timeout: 30_000,
      });
    await players[0].client.say("1");
    await players[1].client.say("2");
    await eventually(() => players[1].numbers().includes(1), { timeout: 30_000 });
    await eventually(() => players[0].numbers().includes(2), { timeout: 30_000 });
  });

  test("SIGTERM ends a node with 0", async () => {
    assert.deepEqual(await b.stop(), { code: 0, signal: null });
    await b.start();
  });
});

describe("a node that is started before its Redis", () => {
  test("is alive and not ready, and serves once Redis is there", async (t) => {
    const own = owner(t);
    const [port, redisPort] = [await freePort(), await freePort()];
    const { NODE_TEST_CONTEXT: _, ...inherited } = process.env;
    const env = {
      ...inherited,
      LOG_LEVEL: "warn",
      HOST: "127.0.0.1",
      PORT: `${port}`,
      REDIS_URL: `redis://127.0.0.1:${redisPort}`,
    };
    const child: ChildProcess = spawn(process.execPath, ["bin/actionwire.js", "start", "demo"], {
      cwd: root,
      env,
      stdio: ["ignore", "pipe", "inherit"],
    });
    own({ close: () => child.kill("SIGKILL") });
    let output = "";
    child.stdout!.on("data", (chunk: Buffer) => {
      output += chunk.toString();
    });
    const url = `http://127.0.0.1:${port}`;
    await eventually(async () => assert.equal((await fetch(`${url}/healthz`)).status, 200), {
      timeout: 30_000,
    });
    assert.equal((await fetch(`${url}/readyz`)).status, 503);
    assert.match(output, /not ready: Redis cannot be reached \(connect ECONNREFUSED/);
    const redis = await RedisServer.start(`--port ${redisPort}`);
    own({ close: () => redis.stop() });
    await eventually(async () => assert.equal((await fetch(`${url}/readyz`)).status, 200), {
      timeout: 30_000,
    });
    const client = own(await openFaye("websocket")(url));
    const heard = collector<Message>();
    assert.equal(await client.subscribe(lineOf(client.connectionId), heard.push), null);
    await client.close();
    child.kill("SIGTERM");
    assert.deepEqual(await once(child, "exit"), [0, null]);
  });

  test("is not started at all where Redis refuses it", async (t) => {
    const own = owner(t);
    const redis = await RedisServer.start("--requirepass secret");
    own({ close: () => redis.stop() });
    await assert.rejects(
      spawnServer({ env: { REDIS_URL: `redis://:wrong@127.0.0.1:${redis.port}` } }),
      (error: Error) => {
        assert.match(
          error.message,
          /actionwire: Redis at 127\.0\.0\.1:\d+: .*does not accept this user and password/,
        );
        assert.doesNotMatch(error.message, /wrong@|:wrong/);
        return true;
      },
    );
  });
});
