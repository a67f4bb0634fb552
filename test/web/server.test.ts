import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { getJson, startWeb } from "./bench.ts";

/** Asks for an upgrade; resolves with the first line of the answer, or "" when there was none. */
const upgrade = (base: string, path: string): Promise<string> =>
  new Promise((resolve) => {
    const { hostname, port } = new URL(base);
    const socket = connect(Number(port), hostname);
    let text = "";
    socket.on("data", (data) => {
      text += data;
    });
    socket.on("error", () => {});
    socket.on("close", () => resolve(text.split("\r\n", 1)[0]!));
    socket.write(
      `GET ${path} HTTP/1.1\r\nHost: ${hostname}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n`,
    );
  });

test("the mount and what is below it belong to Bayeux, before the framework", async (t) => {
  const { base, bayeux } = await startWeb(t);
  for (const url of ["/faye", "/faye?message=1", "/faye/", "/faye/eventsource/x"]) {
    assert.equal(await (await fetch(base + url)).text(), "bayeux");
  }
  await (await fetch(`${base}/faye`, { method: "POST", body: "[]" })).text();
  assert.deepEqual(bayeux.seen, [
    "GET /faye",
    "GET /faye?message=1",
    "GET /faye/",
    "GET /faye/eventsource/x",
    "POST /faye",
  ]);
  assert.equal((await fetch(`${base}/fayer`)).status, 404);
});

test("upgrades: Bayeux below the mount, 404 elsewhere", async (t) => {
  const { base, bayeux } = await startWeb(t);
  assert.equal(await upgrade(base, "/faye"), "HTTP/1.1 101 Switching Protocols");
  assert.equal(await upgrade(base, "/faye/x?y"), "HTTP/1.1 101 Switching Protocols");
  assert.equal(await upgrade(base, "/other"), "HTTP/1.1 404 Not Found");
  assert.deepEqual(bayeux.seen, ["UPGRADE /faye", "UPGRADE /faye/x?y"]);
});

test("upgrades elsewhere are left to an application that listens for them", async (t) => {
  const { base } = await startWeb(t, {
    prepare: ({ fastify }) => {
      fastify.server.on("upgrade", (request, socket) => {
        if (request.url === "/mine") socket.end("HTTP/1.1 101 Mine\r\n\r\n");
      });
    },
  });
  assert.equal(await upgrade(base, "/mine"), "HTTP/1.1 101 Mine");
  assert.equal(await upgrade(base, "/faye"), "HTTP/1.1 101 Switching Protocols");
});

test("liveness, and readiness that follows the node", async (t) => {
  let ready = true;
  const { base } = await startWeb(t, {
    ready: async () => {
      if (!ready) throw new Error("the engine is away");
      return ready;
    },
  });
  assert.deepEqual((await getJson(`${base}/healthz`)).body, { status: "ok" });
  assert.equal((await getJson(`${base}/readyz`)).status, 200);
  ready = false;
  const not = await getJson(`${base}/readyz`);
  assert.deepEqual([not.status, not.body], [503, { ready: false }]);
  assert.equal((await getJson(`${base}/healthz`)).status, 200);
});

test("an application adds routes of its own, and its errors do not leak", async (t) => {
  const { base, log } = await startWeb(t, {
    prepare: ({ fastify }) => {
      fastify.get("/", async () => ({ home: true }));
      fastify.post("/json", async (request) => ({ got: request.body }));
      fastify.get("/broken", async () => {
        throw new Error("hunter2");
      });
    },
  });
  assert.deepEqual((await getJson(base)).body, { home: true });
  const posted = await getJson(`${base}/json`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: '{"a":1}',
  });
  assert.deepEqual(posted.body, { got: { a: 1 } });
  const broken = await getJson(`${base}/broken`);
  assert.equal(broken.status, 500);
  assert.equal(broken.body.code, "internal_error");
  assert.doesNotMatch(JSON.stringify(broken.body), /hunter2/);
  assert.equal(log.lines.at(-1)?.fields.errorId, broken.body.errorId);
});

test("a request whose headers or body never come is cut off", async (t) => {
  const limits = { headersTimeout: 0.2, requestTimeout: 0.4 };
  const { base } = await startWeb(t, { config: { limits } });
  const { hostname, port } = new URL(base);
  const slow = [
    "GET /api HTTP/1.1\r\nHost: x\r\n",
    "POST /api/echo HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{",
  ];
  for (const text of slow) {
    const answer = await new Promise<string>((resolve) => {
      const socket = connect(Number(port), hostname, () => socket.write(text));
      let received = "";
      socket.on("data", (data) => {
        received += data;
      });
      socket.on("close", () => resolve(received));
    });
    assert.match(answer, /^HTTP\/1\.1 408 /);
  }
});

test("a connection on which nothing more comes is kept for keepAliveTimeout", async (t) => {
  const short = await startWeb(t, { config: { limits: { keepAliveTimeout: 0.2 } } });
  const { hostname, port } = new URL(short.base);
  const socket = connect(Number(port), hostname);
  const closed = once(socket, "close");
  socket.write("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
  let answer = "";
  socket.on("data", (data) => {
    answer += data;
  });
  // Node's own is 5 s, and each may take a second more than it says.
  const first = await Promise.race([closed.then(() => "closed"), sleep(4_500, "open", { ref: false })]);
  assert.equal(first, "closed");
  assert.match(answer, /^HTTP\/1\.1 200 .*\r\nConnection: keep-alive\r\n/s);
  const long = await startWeb(t, { config: { limits: { keepAliveTimeout: 33 } } });
  assert.equal((await getJson(`${long.base}/healthz`)).headers.get("keep-alive"), "timeout=33");
});

test("a port in use is told when starting", async (t) => {
  const { base } = await startWeb(t);
  const { port } = new URL(base);
  await assert.rejects(startWeb(t, { config: { servers: { web: { port: Number(port) } } } }), {
    code: "EADDRINUSE",
  });
});

test("a stop waits for the action under way, refuses new connections, and is quick with idle ones", async (t) => {
  const { base, web } = await startWeb(t);
  await (await fetch(`${base}/healthz`)).text();
  const slow = getJson(`${base}/api/sleep?ms=150`);
  await new Promise((resolve) => setTimeout(resolve, 50));
  const begun = performance.now();
  const stopped = web.stop(5_000);
  await assert.rejects(fetch(`${base}/healthz`));
  const { status, body, headers } = await slow;
  assert.deepEqual([status, body], [200, { slept: 150 }]);
  assert.equal(headers.get("connection"), "close");
  await stopped;
  assert.ok(performance.now() - begun < 2_000);
});

test("a stop ends at its bound: the outcome of what is still under way is unknown", async (t) => {
  const { base, web } = await startWeb(t);
  const slow = getJson(`${base}/api/sleep?ms=60000`);
  await new Promise((resolve) => setTimeout(resolve, 50));
  const begun = performance.now();
  await web.stop(100);
  assert.ok(performance.now() - begun < 2_000);
  const { status, body } = await slow;
  assert.deepEqual([status, body.code], [409, "outcome_unknown"]);
});
