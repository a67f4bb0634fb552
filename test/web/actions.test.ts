import assert from "node:assert/strict";
import { test } from "node:test";
import { type Hooks, Refusal } from "../../src/hooks.ts";
import { getJson, postJson, startWeb } from "./bench.ts";

test("an action by path and by parameter, with GET and POST, JSON and form", async (t) => {
  const { base } = await startWeb(t);
  const form = { method: "POST", body: new URLSearchParams({ a: "1", b: "2" }) };
  const asks: [string, RequestInit?][] = [
    [`${base}/api/add?a=1&b=2`],
    [`${base}/api?action=add&a=1&b=2`],
    [`${base}/api/?action=add&a=1&b=2`],
    [`${base}/api/add`, form],
    [`${base}/api?action=add`, form],
    [`${base}/api/add?a=1`, { method: "POST", body: new URLSearchParams({ b: "2" }) }],
  ];
  for (const [url, init] of asks) {
    const { status, body } = await getJson(url, init);
    assert.deepEqual([status, body], [200, { sum: 3 }], url);
  }
  assert.deepEqual((await postJson(`${base}/api/add`, { a: 1, b: 2 })).body, { sum: 3 });
  assert.deepEqual((await postJson(`${base}/api`, { action: "add", a: 1, b: 2 })).body, { sum: 3 });
});

test("the same failures as over a connection, with their status", async (t) => {
  const { base, log } = await startWeb(t);
  const invalid = await getJson(`${base}/api/add?a=x&b=1`);
  assert.equal(invalid.status, 422);
  assert.equal(invalid.body.code, "invalid_inputs");
  assert.match(String(invalid.body.error), /a: /);
  assert.deepEqual(Object.keys(invalid.body.details as object), ["issues"]);

  const unknown = await getJson(`${base}/api/nope`);
  assert.deepEqual([unknown.status, unknown.body.code], [404, "unknown_action"]);
  assert.deepEqual((await getJson(`${base}/api/a/b`)).body.code, "unknown_action");
  assert.deepEqual((await postJson(`${base}/api`, {})).body.code, "unknown_action");

  const own = await getJson(`${base}/api/sold`);
  assert.deepEqual(
    [own.status, own.body],
    [410, { error: "no seats left", code: "sold_out", details: { seats: 0 } }],
  );

  const broken = await getJson(`${base}/api/broken`);
  assert.equal(broken.status, 500);
  assert.equal(broken.body.error, "the server experienced an internal error");
  assert.equal(broken.body.errorId, log.lines.find(({ level }) => level === "error")?.fields.errorId);
  assert.doesNotMatch(JSON.stringify(broken.body), /hunter2/);
});

test("an action that takes too long: 504", async (t) => {
  const { base } = await startWeb(t, { config: { general: { actionTimeout: 20 } } });
  const { status, body } = await getJson(`${base}/api/sleep?ms=5000`);
  assert.deepEqual([status, body.code], [504, "action_timeout"]);
});

const unreadable: [name: string, body: string, type: string, status: number, code: string][] = [
  ["no JSON", "{", "application/json", 400, "bad_request"],
  ["a list", "[1]", "application/json", 400, "bad_request"],
  ["null", "null", "application/json", 400, "bad_request"],
  ["a text of JSON", '"x"', "application/json", 400, "bad_request"],
  ["too deep", `${'{"a":'.repeat(70)}1${"}".repeat(70)}`, "application/json", 400, "bad_request"],
  ["too large", JSON.stringify({ a: "x".repeat(3000) }), "application/json", 413, "body_too_large"],
  ["a type of text", '{"a":1}', "text/plain", 415, "unsupported_media_type"],
];

for (const [name, body, type, status, code] of unreadable) {
  test(`a body that is refused: ${name}`, async (t) => {
    const { base } = await startWeb(t, { config: { limits: { bodyBytes: 2048 } } });
    const answer = await postJson(`${base}/api/echo`, body, { "content-type": type });
    assert.deepEqual([answer.status, answer.body.code], [status, code]);
    assert.equal(typeof answer.body.error, "string");
  });
}

test("an empty JSON body is no params", async (t) => {
  const { base } = await startWeb(t);
  assert.deepEqual((await postJson(`${base}/api/echo`, "")).body, { echo: {} });
});

test("a name that comes forty thousand times costs no more than forty thousand names", async (t) => {
  const { base } = await startWeb(t);
  const begun = performance.now();
  const response = await fetch(`${base}/api/echo`, {
    method: "POST",
    headers: { "content-type": "application/x-www-form-urlencoded" },
    body: "a=1&".repeat(40_000),
  });
  const { echo } = (await response.json()) as { echo: { a: string[] } };
  assert.equal(echo.a.length, 40_000);
  // Seconds, when the time grew with the square.
  assert.ok(performance.now() - begun < 2_000);
});

test("__proto__ and friends are data, at every door", async (t) => {
  const { base } = await startWeb(t);
  const hostile = '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}';
  const response = await fetch(`${base}/api/echo`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: hostile,
  });
  assert.equal(await response.text(), `{"echo":${hostile}}`);
  const form = await fetch(`${base}/api/echo?__proto__=1&x=1&x=2`);
  assert.equal(await form.text(), '{"echo":{"__proto__":"1","x":["1","2"]}}');
  assert.equal(Reflect.get({}, "polluted"), undefined);
});

test("other methods: 405, with those that are allowed", async (t) => {
  const { base } = await startWeb(t);
  for (const method of ["PUT", "PATCH", "DELETE"]) {
    const { status, headers, body } = await getJson(`${base}/api/add`, { method });
    assert.deepEqual(
      [status, headers.get("allow"), body.code],
      [405, "GET, HEAD, POST, OPTIONS", "method_not_allowed"],
    );
  }
});

test("HEAD answers as GET does, without the body", async (t) => {
  const { base } = await startWeb(t);
  for (const [path, status] of [
    ["/api", 200],
    ["/api/add?a=1&b=2", 200],
    ["/api/nope", 404],
  ] as const) {
    const head = await fetch(base + path, { method: "HEAD" });
    const got = await fetch(base + path);
    const type = got.headers.get("content-type");
    assert.deepEqual([head.status, head.headers.get("content-type")], [status, type]);
    assert.equal(await head.text(), "");
    assert.notEqual(await got.text(), "");
    if (path !== "/api") assert.equal(head.headers.get("content-length"), got.headers.get("content-length"));
  }
});

test("no action, or several, is told as that; a slash at the end changes nothing", async (t) => {
  const { base } = await startWeb(t);
  assert.deepEqual((await getJson(`${base}/api/add/?a=1&b=2`)).body, { sum: 3 });
  for (const named of [{}, { action: "" }, { action: 5 }, { action: null }]) {
    const { status, body } = await postJson(`${base}/api`, named);
    assert.deepEqual([status, body], [404, { error: "no action was named", code: "unknown_action" }]);
  }
  const { status, body } = await getJson(`${base}/api?action=a&action=b`);
  assert.deepEqual([status, body.code], [404, "unknown_action"]);
  assert.match(String(body.error), /^several actions were named/);
});

test("a compressed body is refused as what it is", async (t) => {
  const { base } = await startWeb(t);
  const { status, body } = await postJson(`${base}/api/echo`, '{"a":1}', { "content-encoding": "gzip" });
  assert.deepEqual([status, body.code], [415, "unsupported_media_type"]);
  assert.match(String(body.error), /Content-Encoding gzip/);
  assert.equal(
    (await postJson(`${base}/api/echo`, { a: 1 }, { "content-encoding": "identity" })).status,
    200,
  );
});

test("the status page has the shape that traditional clients read", async (t) => {
  const { base } = await startWeb(t, { config: { general: { serverName: "mine", apiVersion: "3" } } });
  const { status, body } = await getJson(`${base}/api?limit=100`);
  assert.equal(status, 200);
  const server = body.serverInformation as Record<string, unknown>;
  assert.deepEqual([server.serverName, server.apiVersion], ["mine", "3"]);
  assert.equal(typeof server.requestDuration, "number");
  assert.ok(Math.abs(Number(server.currentTime) - Date.now()) < 10_000);
  const requestor = body.requestorInformation as Record<string, unknown>;
  assert.equal(requestor.remoteIP, "127.0.0.1");
  assert.match(String(requestor.id), /^[\da-f-]{36}$/);
  assert.deepEqual(requestor.receivedParams, { limit: "100" });
  assert.deepEqual(body.requesterInformation, requestor);
  const documentation = body.documentation as Record<string, Record<string, { description: string }>>;
  assert.equal(documentation.add?.["1"]?.description, "adds two numbers");
});

test("an action sees a connection of type web, and who asks", async (t) => {
  const hooks = {
    authenticate: ({
      cookies,
      headers,
      ext,
      remoteIP,
    }: {
      cookies: object;
      headers: object;
      ext: object;
      remoteIP: string;
    }) => ({
      user: Reflect.get(cookies, "user") ?? null,
      key: Reflect.get(headers, "x-key") ?? null,
      ext: Object.keys(ext).length,
      remoteIP,
    }),
  };
  const { base } = await startWeb(t, { hooks });
  const { body } = await getJson(`${base}/api/who`, { headers: { cookie: "user=ann", "x-key": "k" } });
  assert.deepEqual(body, {
    type: "web",
    transport: "http",
    remoteIP: "127.0.0.1",
    identity: { user: "ann", key: "k", ext: 0, remoteIP: "127.0.0.1" },
    room: null,
  });
});

test("an identity is what JSON makes of it, and none that JSON cannot carry gets in", async (t) => {
  const of = (identity: unknown) => ({ authenticate: () => identity }) as unknown as Hooks;
  const { base } = await startWeb(t, { hooks: of({ since: new Date(0), none: undefined }) });
  assert.deepEqual((await getJson(`${base}/api/who`)).body.identity, { since: new Date(0).toISOString() });
  const broken = await startWeb(t, { hooks: of({ f() {} }) });
  const { status, body } = await getJson(`${broken.base}/api/who`);
  assert.deepEqual([status, body.code], [401, "unauthenticated"]);
  assert.match(String(broken.log.lines.at(-1)?.fields.err), /the identity\.f is a function/);
});

test("data is held to the same rule as on a connection", async (t) => {
  const seen: unknown[] = [];
  const beforeAction: Hooks["beforeAction"] = ({ connection }) => {
    connection.data.ok = { n: 1 };
    connection.data = { ...connection.data, also: [1] };
    for (const value of [() => 1, new Date(0)]) {
      assert.throws(() => {
        connection.data.bad = value;
      }, TypeError);
      assert.throws(() => {
        connection.data = { bad: value };
      }, TypeError);
    }
    seen.push(JSON.stringify(connection.data));
  };
  const { base } = await startWeb(t, { hooks: { beforeAction } });
  assert.equal((await getJson(`${base}/api/who`)).status, 200);
  assert.deepEqual(seen, ['{"ok":{"n":1},"also":[1]}']);
});

test("authenticate refuses: 401, with the text of a Refusal alone", async (t) => {
  const of = (error: Error) => ({
    authenticate: () => {
      throw error;
    },
  });
  const refused = await startWeb(t, { hooks: of(new Refusal("members only")) });
  const told = await getJson(`${refused.base}/api/who`);
  assert.deepEqual([told.status, told.body], [401, { error: "members only", code: "unauthenticated" }]);
  const broken = await startWeb(t, { hooks: of(new Error("hunter2")) });
  const hidden = await getJson(`${broken.base}/api/who`);
  assert.deepEqual([hidden.status, hidden.body.error], [401, "authentication failed"]);
});

test("behind a proxy that is trusted, the client's address is the one it names", async (t) => {
  const forwarded = { headers: { "x-forwarded-for": "203.0.113.9" } };
  const plain = await startWeb(t);
  assert.equal((await getJson(`${plain.base}/api/who`, forwarded)).body.remoteIP, "127.0.0.1");
  const trusting = await startWeb(t, { config: { servers: { web: { trustProxy: 1 } } } });
  assert.equal((await getJson(`${trusting.base}/api/who`, forwarded)).body.remoteIP, "203.0.113.9");
});

test("paths can be moved", async (t) => {
  const { base } = await startWeb(t, { config: { servers: { web: { urlPathForActions: "rpc/v1" } } } });
  assert.deepEqual((await getJson(`${base}/rpc/v1/add?a=1&b=2`)).body, { sum: 3 });
  assert.equal((await fetch(`${base}/api`)).status, 404);
});
