import assert from "node:assert/strict";
import { once } from "node:events";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { type TestContext, test } from "node:test";
import express from "express";
import Fastify from "fastify";
import { WebSocket, WebSocketServer } from "ws";
import { getJson, startWeb } from "./bench.ts";

const listening = async (t: TestContext, server: http.Server): Promise<string> => {
  await once(server.listen(0, "127.0.0.1"), "listening");
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
};

const ours = async (base: string): Promise<void> => {
  assert.deepEqual((await getJson(`${base}/api/add?a=1&b=2`)).body, { sum: 3 });
  assert.equal(await (await fetch(`${base}/faye`, { method: "POST", body: "[]" })).text(), "bayeux");
  const script = await fetch(`${base}/faye/client.js`);
  assert.equal(script.status, 200);
  await script.text();
  assert.equal((await getJson(`${base}/healthz`)).status, 200);
};

test("on a plain server: our paths are ours, the rest is its own; a stop gives it back", async (t) => {
  const server = http.createServer((request, response) => {
    let body = "";
    request.on("data", (data) => {
      body += data;
    });
    request.on("end", () => response.end(`own ${request.method} ${request.url} ${body}`));
  });
  const errors = server.listenerCount("clientError");
  const base = await listening(t, server);
  const { web } = await startWeb(t, { existing: server });
  await ours(base);
  assert.equal(await (await fetch(base)).text(), "own GET / ");
  assert.equal(await (await fetch(`${base}/%zz`)).text(), "own GET /%zz ");
  const posted = await fetch(`${base}/x`, {
    method: "POST",
    body: '{"a":1}',
    headers: { "content-type": "application/json" },
  });
  assert.equal(await posted.text(), 'own POST /x {"a":1}');
  assert.equal(server.listenerCount("clientError"), errors);

  await web.stop(0);
  assert.equal(server.listening, true);
  assert.equal(server.listenerCount("request"), 1);
  assert.equal(server.listenerCount("upgrade"), 0);
  assert.equal(await (await fetch(`${base}/api/add`)).text(), "own GET /api/add ");
});

test("start does not listen on a server of somebody else", async (t) => {
  const server = http.createServer();
  const { web } = await startWeb(t, { existing: server });
  assert.equal(server.listening, false);
  assert.equal(web.address(), null);
  await ours(await listening(t, server));
});

test("on Express", async (t) => {
  const app = express();
  app.use(express.json());
  app.post("/own", (request, response) => void response.json({ got: request.body }));
  const server = http.createServer(app);
  const base = await listening(t, server);
  await startWeb(t, { existing: server });
  await ours(base);
  const { body } = await getJson(`${base}/own`, {
    method: "POST",
    body: '{"a":1}',
    headers: { "content-type": "application/json" },
  });
  assert.deepEqual(body, { got: { a: 1 } });
  assert.equal((await fetch(`${base}/none`)).status, 404);
});

test("on Fastify", async (t) => {
  const app = Fastify();
  app.get("/own", async () => ({ own: true }));
  await app.listen({ port: 0, host: "127.0.0.1" });
  t.after(() => app.close());
  const base = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`;
  await startWeb(t, { existing: app.server });
  await ours(base);
  assert.deepEqual((await getJson(`${base}/own`)).body, { own: true });
});

test("another WebSocket server on the same server keeps its own path, and we ours", async (t) => {
  const server = http.createServer();
  // Given a path, it answers every other upgrade with 400.
  const other = new WebSocketServer({ server, path: "/other" });
  other.on("connection", (socket) => socket.send("other"));
  t.after(() => other.close());
  const base = await listening(t, server);
  const { bayeux } = await startWeb(t, { existing: server });
  const socket = new WebSocket(`${base.replace("http", "ws")}/other`);
  const [data] = (await once(socket, "message")) as [Buffer];
  assert.equal(String(data), "other");
  socket.terminate();
  const mine = new WebSocket(`${base.replace("http", "ws")}/faye`);
  await once(mine, "error");
  assert.deepEqual(bayeux.seen, ["UPGRADE /faye"]);
});

for (const firstStops of [true, false]) {
  test(`two on one server: when the ${firstStops ? "first" : "second"} stops the other goes on, then it is its owner's`, async (t) => {
    const server = http.createServer((request, response) => response.end(`own ${request.url}`));
    const base = await listening(t, server);
    const web = { urlPathForActions: "two" };
    const first = await startWeb(t, { existing: server });
    const second = await startWeb(t, {
      existing: server,
      config: { faye: { mount: "/bayeux" }, servers: { web } },
    });
    const text = async (path: string) => (await fetch(base + path)).text();
    const upgraded = async (path: string) => {
      await once(new WebSocket(base.replace("http", "ws") + path), "error");
    };
    const serves = async (mount: string, actions: string, { bayeux }: typeof first) => {
      bayeux.seen.length = 0;
      assert.equal(await text(mount), "bayeux");
      assert.equal(await text(`${actions}/add?a=1&b=2`), '{"sum":3}');
      await upgraded(mount);
      assert.deepEqual(bayeux.seen, [`GET ${mount}`, `UPGRADE ${mount}`]);
    };
    await serves("/faye", "/api", first);
    await serves("/bayeux", "/two", second);
    assert.equal(await text("/x"), "own /x");

    await (firstStops ? first : second).web.stop(0);
    if (firstStops) await serves("/bayeux", "/two", second);
    else await serves("/faye", "/api", first);
    const gone = firstStops ? "/api/add" : "/two/add";
    assert.equal(await text(gone), `own ${gone}`);
    assert.equal(await text("/x"), "own /x");

    await (firstStops ? second : first).web.stop(0);
    assert.equal(await text("/two/add"), "own /two/add");
    assert.deepEqual([server.listenerCount("request"), server.listenerCount("upgrade")], [1, 0]);
  });
}
