import assert from "node:assert/strict";
import { once } from "node:events";
import net, { type AddressInfo } from "node:net";
import { test } from "node:test";
import { ConfigError, type ConfigInput, createServer, defineAction } from "../../src/index.ts";
import { transportOptions } from "../../src/server.ts";
import { keptLog } from "../actions/fakes.ts";

const local = { servers: { web: { port: 0, bindIP: "127.0.0.1" } } };
const hello = defineAction({ name: "hello", description: "", run: ({ api }) => ({ node: api.id }) });
const put = (config: ConfigInput = local, env = {}) =>
  createServer({ actions: [hello], config, env, log: keptLog() });

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
