import assert from "node:assert/strict";
import { once } from "node:events";
import net, { type AddressInfo } from "node:net";
import { test } from "node:test";
import express from "express";
import Fastify from "fastify";
import {
  type ActionwireServer,
  ConfigError,
  type ConfigInput,
  createServer,
  defineAction,
  MemoryStore,
  memoryEngine,
  type ServerOptions,
  systemClock,
  systemRandom,
} from "../../src/index.ts";
import { transportOptions } from "../../src/server.ts";
import { keptLog } from "../actions/fakes.ts";
import { eventually } from "../support/index.ts";

const local = { servers: { web: { port: 0, bindIP: "127.0.0.1" } } };
const hello = defineAction({ name: "hello", description: "", run: ({ api }) => ({ node: api.id }) });
const put = (config: ConfigInput = local, env = {}) =>
  createServer({ actions: [hello], config, env, log: keptLog() });

const serves = async (server: ActionwireServer): Promise<void> => {
  const base = `http://127.0.0.1:${server.address()?.port}`;
  assert.equal((await fetch(`${base}/readyz`)).status, 200);
  assert.deepEqual(await (await fetch(`${base}/api/hello`)).json(), { node: server.api.id });
};

test("nothing listens before start; stop is done once and ends it", async (t) => {
  const server = put();
  t.after(() => server.stop({ bound: 0 }));
  assert.equal(server.address(), null);
  server.web.get("/own", async () => ({ own: true }));
  await server.start();
  const base = `http://127.0.0.1:${server.address()?.port}`;
  assert.deepEqual(await (await fetch(`${base}/api/hello`)).json(), { node: server.api.id });
  assert.deepEqual(await (await fetch(`${base}/own`)).json(), { own: true });
  assert.equal((await fetch(`${base}/readyz`)).status, 200);
  const stopped = server.stop({ bound: 0 });
  assert.equal(server.stop(), stopped);
  await stopped;
  await assert.rejects(fetch(`${base}/healthz`));
});

test("a port in use rejects, and leaves nothing running", async (t) => {
  const taken = net.createServer().listen(0, "127.0.0.1");
  await once(taken, "listening");
  t.after(() => taken.close());
  const { port } = taken.address() as AddressInfo;
  const server = put({ servers: { web: { port, bindIP: "127.0.0.1" } } });
  await assert.rejects(server.start(), { code: "EADDRINUSE" });
  assert.equal(server.address(), null);
});

test("a start that failed may be tried again, and then serves", async (t) => {
  const taken = net.createServer().listen(0, "127.0.0.1");
  await once(taken, "listening");
  const { port } = taken.address() as AddressInfo;
  const server = put({ servers: { web: { port, bindIP: "127.0.0.1" } } });
  t.after(() => server.stop({ bound: 0 }));
  await assert.rejects(server.start(), { code: "EADDRINUSE" });
  await assert.rejects(server.start(), { code: "EADDRINUSE" });
  await new Promise((resolve) => taken.close(resolve));
  await server.start();
  assert.equal(server.start(), server.start());
  await serves(server);
});

test("a start that the engine refuses leaves nothing listening, and may be tried again", async (t) => {
  const clocked = { clock: systemClock, random: systemRandom };
  const engine = memoryEngine(new MemoryStore(clocked));
  let refusals = 2;
  const { start } = engine;
  engine.start = async (...given) => {
    refusals -= 1;
    if (refusals >= 0) throw new Error("a wrong password");
    await start.apply(engine, given);
  };
  const server = createServer({ actions: [hello], config: local, env: {}, log: keptLog(), engine });
  t.after(() => server.stop({ bound: 0 }));
  for (let n = 0; n < 2; n += 1) {
    await assert.rejects(server.start(), /a wrong password/);
    assert.equal(server.address(), null);
  }
  await server.start();
  await serves(server);
});

test("while the engine is being reached it is alive and not ready; a stop meanwhile ends it", async (t) => {
  const clocked = { clock: systemClock, random: systemRandom };
  const engine = memoryEngine(new MemoryStore(clocked));
  const { start } = engine;
  let reach = (): void => {};
  engine.start = async (...given) => {
    await new Promise<void>((resolve) => {
      reach = resolve;
    });
    await start.apply(engine, given);
  };
  const server = createServer({ actions: [hello], config: local, env: {}, log: keptLog(), engine });
  t.after(() => server.stop({ bound: 0 }));
  const started = server.start();
  await eventually(() => server.address() !== null);
  const base = `http://127.0.0.1:${server.address()?.port}`;
  assert.equal((await fetch(`${base}/healthz`)).status, 200);
  assert.equal((await fetch(`${base}/readyz`)).status, 503);
  const stopped = server.stop({ bound: 0 });
  reach();
  await Promise.all([started, stopped]);
  await assert.rejects(fetch(`${base}/healthz`));
});

test("what was stopped is not started again", async () => {
  const server = put();
  await server.start();
  await server.stop({ bound: 0 });
  await assert.rejects(server.start(), /has been stopped: create a new one/);
  assert.equal(server.address(), null);
});

test("who asks while an action over HTTP ends is told that it is not ready", async (t) => {
  let end = (): void => {};
  const api: unknown[] = [];
  const waits = defineAction({
    name: "waits",
    description: "",
    run: async ({ api: { rooms } }) => {
      await new Promise<void>((resolve) => {
        end = resolve;
      });
      // The engine is there as long as an action is.
      api.push(await rooms.members("defaultRoom"));
      return {};
    },
  });
  const server = createServer({ actions: [waits], config: local, env: {}, log: keptLog() });
  t.after(() => server.stop({ bound: 0 }));
  await server.start();
  const base = `http://127.0.0.1:${server.address()?.port}`;
  const answer = fetch(`${base}/api/waits`);
  await new Promise((resolve) => setTimeout(resolve, 50));
  const stopped = server.stop({ bound: 5_000 });
  for (let n = 0; n < 3; n += 1) {
    assert.equal((await fetch(`${base}/readyz`)).status, 503);
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
  end();
  assert.equal((await answer).status, 200);
  assert.equal(api.length, 1);
  await stopped;
  await assert.rejects(fetch(`${base}/healthz`));
});

test("an address of Redis that cannot be used is refused before anything starts", () => {
  const address = { host: "redis", port: 6379 };
  const ways: ConfigInput[] = [
    { redis: { url: "http://redis" } },
    { redis: { url: "redis+cluster://redis" } },
    { redis: { url: "redis+sentinel://" } },
    { redis: { cluster: [address] } },
    { redis: { host: "redis", namespace: "a{b}" } },
  ];
  for (const config of ways) assert.throws(() => put(config), ConfigError);
  assert.throws(() => put(local, { REDIS_URL: "redis" }), /"redis": the URL of Redis is not a URL/);
});

test("what is no action, no hook and no server is refused at once, and told what was meant", () => {
  const wrong: [given: object, said: RegExp][] = [
    [{ actions: "hello" }, /"actions" must be a list, got a string/],
    [{ actions: [hello, { name: "x", run() {} }] }, /"actions\[1\]" \("x"\) is not made by defineAction/],
    [{ actions: [null] }, /"actions\[0\]" is not made by defineAction/],
    [{ hooks: "x" }, /"hooks" must be an object, got a string/],
    [
      { hooks: { authentikate() {} } },
      /"hooks" has "authentikate", which is no hook; did you mean "authenticate"\?/,
    ],
    [{ hooks: { authenticate: 5 } }, /"authenticate", which must be a function, got a number/],
    [
      { server: express() },
      /"server" must be an http or https server, got a function: .*createServer\(app\)/,
    ],
    [{ server: 8080 }, /"server" must be an http or https server, got a number/],
    [{ server: {} }, /"server" must be an http or https server, got an object/],
  ];
  for (const [given, said] of wrong) {
    const options = { config: local, env: {}, log: keptLog(), ...given } as ServerOptions;
    assert.throws(() => createServer(options), { name: "TypeError", message: said });
  }
});

test("beside a Fastify application, given as it is", async (t) => {
  const app = Fastify();
  app.get("/own", async () => ({ own: true }));
  const options = { actions: [hello], config: local, env: {}, log: keptLog(), server: app };
  const server = createServer(options);
  await server.start();
  t.after(async () => {
    await server.stop({ bound: 0 });
    await app.close();
  });
  const base = await app.listen({ port: 0, host: "127.0.0.1" });
  assert.deepEqual(await (await fetch(`${base}/api/hello`)).json(), { node: server.api.id });
  assert.deepEqual(await (await fetch(`${base}/own`)).json(), { own: true });
});

test("the environment overrides what was configured, unless it is kept out", () => {
  assert.equal(put(local, { PORT: "81" }).config.servers.web.port, 81);
  assert.equal(put().config.servers.web.port, 0);
});

test("configData has the default room beside the blocks, and the same one", () => {
  const { api } = put({ ...local, general: { defaultChatRoom: "lobby" } });
  assert.equal(api.configData.defaultChatRoom, "lobby");
  assert.equal(api.configData.general.defaultChatRoom, "lobby");
});

test("the transports are told what the configuration says", () => {
  const { config } = put({
    ...local,
    faye: { mount: "/rt", ping: 3, transports: ["websocket"], jsonp: "off" },
    servers: {
      ...local.servers,
      websocket: { compression: true, compressionThreshold: 7, maxFrameBytes: 9 },
    },
    limits: { connectionsPerAddress: 4, handshakeTimeout: 5, bodyTimeout: 6 },
  });
  const { mount, ping, transports, jsonp, perMessageDeflate, frameBytes, maxPerAddress, idle, bodyTimeout } =
    transportOptions(config);
  assert.deepEqual(
    {
      mount,
      ping,
      transports,
      jsonp,
      perMessageDeflate,
      frameBytes,
      maxPerAddress,
      idle,
      bodyTimeout,
    },
    {
      mount: "/rt",
      ping: 3,
      transports: new Set(["websocket"]),
      jsonp: "off",
      perMessageDeflate: { threshold: 7 },
      frameBytes: 9,
      maxPerAddress: 4,
      idle: 5,
      bodyTimeout: 6,
    },
  );
});
