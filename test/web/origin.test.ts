import assert from "node:assert/strict";
import { test } from "node:test";
import { getJson, postJson, startWeb } from "./bench.ts";

const foreign = "https://evil.example";
const friend = "https://app.example.com";
const allowing = { config: { servers: { web: { allowedOrigins: [friend] } } } };
const cors = (headers: Headers) => [
  headers.get("access-control-allow-origin"),
  headers.get("access-control-allow-credentials"),
];

test("a POST of a foreign page is refused before the action runs", async (t) => {
  const { base } = await startWeb(t);
  for (const headers of [{ origin: foreign }, { origin: "null" }, { "sec-fetch-site": "cross-site" }]) {
    const answer = await postJson(`${base}/api/add`, { a: 1, b: 2 }, headers as Record<string, string>);
    assert.deepEqual([answer.status, answer.body.code], [403, "foreign_origin"]);
    assert.deepEqual(cors(answer.headers), [null, null]);
  }
});

test("another port or scheme of the same host is foreign, too", async (t) => {
  const { base } = await startWeb(t);
  for (const origin of ["http://127.0.0.1:1", base.replace("http", "https")]) {
    assert.equal((await postJson(`${base}/api/add`, { a: 1, b: 2 }, { origin })).status, 403);
  }
});

test("a POST of our own page, or of no page at all, is served", async (t) => {
  const { base } = await startWeb(t);
  assert.equal((await postJson(`${base}/api/add`, { a: 1, b: 2 }, { origin: base })).status, 200);
  assert.equal((await postJson(`${base}/api/add`, { a: 1, b: 2 })).status, 200);
});

test("behind a proxy that appends, our origin and the client are what it says, not what the client says", async (t) => {
  const { base } = await startWeb(t, {
    config: { servers: { web: { trustProxy: 1 } } },
    prepare: ({ fastify }) => {
      fastify.post("/own", async ({ protocol, host, ip }) => ({ protocol, host, ip }));
    },
  });
  const headers = {
    "x-forwarded-for": "6.6.6.6, 1.2.3.4",
    "x-forwarded-proto": "http, https",
    "x-forwarded-host": "evil.example, ours.example",
  };
  const from = (origin: string) => postJson(`${base}/api/who`, {}, { ...headers, origin });
  const { status, body } = await from("https://ours.example");
  assert.deepEqual([status, body.remoteIP], [200, "1.2.3.4"]);
  assert.equal((await from(foreign)).status, 403);
  const own = await postJson(`${base}/own`, {}, headers);
  assert.deepEqual(own.body, { protocol: "https", host: "ours.example", ip: "1.2.3.4" });
});

test("a GET of a foreign page is served to nobody: no CORS headers, and without the visitor's cookies", async (t) => {
  const hooks = {
    authenticate: ({ cookies, headers }: { cookies: object; headers: object }) => [
      Reflect.get(cookies, "user") ?? null,
      Reflect.get(headers, "cookie") ?? null,
    ],
  };
  const { base } = await startWeb(t, { hooks });
  const { status, headers, body } = await getJson(`${base}/api/who`, {
    headers: { origin: foreign, cookie: "user=ann" },
  });
  assert.equal(status, 200);
  assert.deepEqual(cors(headers), [null, null]);
  assert.equal(headers.get("vary"), "Origin");
  assert.deepEqual(body.identity, [null, null]);
});

test("a listed origin gets CORS headers with credentials, also on failures", async (t) => {
  const { base } = await startWeb(t, allowing);
  const headers = { origin: friend };
  for (const answer of [
    await postJson(`${base}/api/add`, { a: 1, b: 2 }, headers),
    await getJson(`${base}/api/nope`, { headers }),
    await postJson(`${base}/api/add`, "{", headers),
    await getJson(`${base}/api`, { headers }),
  ]) {
    assert.deepEqual(cors(answer.headers), [friend, "true"]);
  }
});

test("a preflight is answered for a listed origin, refused for another", async (t) => {
  const { base } = await startWeb(t, allowing);
  const ask = (origin: string) =>
    fetch(`${base}/api/add`, {
      method: "OPTIONS",
      headers: {
        origin,
        "access-control-request-method": "POST",
        "access-control-request-headers": "content-type, authorization",
      },
    });
  const granted = await ask(friend);
  assert.equal(granted.status, 204);
  assert.deepEqual(cors(granted.headers), [friend, "true"]);
  assert.equal(granted.headers.get("access-control-allow-methods"), "GET, POST");
  assert.equal(granted.headers.get("access-control-allow-headers"), "content-type, authorization");
  const refused = await ask(foreign);
  assert.equal(refused.status, 403);
  assert.deepEqual(cors(refused.headers), [null, null]);
  await refused.text();
});

test("with every origin allowed, pages are served without credentials", async (t) => {
  const { base } = await startWeb(t, { config: { servers: { web: { allowedOrigins: ["*"] } } } });
  const { status, headers } = await postJson(`${base}/api/add`, { a: 1, b: 2 }, { origin: foreign });
  assert.equal(status, 200);
  assert.deepEqual(cors(headers), ["*", null]);
});
