import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { runInNewContext } from "node:vm";
import { handshake, start } from "./fixture.ts";

const MESSAGES = [{ id: "1", channel: "/a", data: "</script>\u2028\u2029" }];
const query = (more: Record<string, string>) =>
  `/faye?${new URLSearchParams({ message: JSON.stringify(MESSAGES), ...more })}`;

test("cases 152, 170: the script and its five headers", async (t) => {
  const { get } = await start(t);
  const { status, headers, body } = await get(query({ jsonp: "cb" }));
  assert.equal(status, 200);
  assert.match(body, /^\/\*\*\/cb\(\[.*\]\);$/);
  assert.doesNotMatch(body, /[<\u2028\u2029]/);
  assert.deepEqual(
    runInNewContext(`let got; const cb = (x) => { got = JSON.stringify(x) }; ${body} got`),
    JSON.stringify(MESSAGES),
  );
  assert.equal(headers["content-type"], "text/javascript; charset=utf-8");
  assert.equal(headers["x-content-type-options"], "nosniff");
  assert.equal(headers["cache-control"], "no-cache, no-store");
  assert.equal(headers["content-disposition"], "attachment; filename=f.txt");
  assert.equal(headers["content-length"], String(Buffer.byteLength(body)));
});

test("case 153: the default callback", async (t) => {
  const { get } = await start(t);
  assert.ok((await get(query({}))).body.startsWith("/**/jsonpcallback(["));
  assert.ok((await get(query({ jsonp: "" }))).body.startsWith("/**/jsonpcallback(["));
});

describe("callback names", () => {
  for (const name of ["a.b.c", "$x_1", "__jsonp1__", "_cometd_jsonp_0", "x".repeat(128)]) {
    test(`case 154: ${name.slice(0, 20)}`, async (t) => {
      const { get } = await start(t);
      assert.ok((await get(query({ jsonp: name }))).body.startsWith(`/**/${name}(`));
    });
  }
  for (const name of [
    "a[0]",
    "a-b",
    "1abc",
    "alert(1)//",
    "a;b",
    "a\n",
    "a..b",
    ".a",
    "é",
    "x".repeat(129),
  ]) {
    test(`case 155: ${JSON.stringify(name.slice(0, 20))}`, async (t) => {
      const { get, gateway } = await start(t);
      assert.equal((await get(query({ jsonp: name }))).status, 400);
      assert.equal(gateway.units.length, 0);
    });
  }
});

test("case 156: without a message, or with a bad one", async (t) => {
  const { get } = await start(t);
  for (const path of ["/faye", "/faye?jsonp=cb", "/faye?jsonp=cb&message={bad", "/faye/x"]) {
    assert.equal((await get(path)).status, 400);
  }
});

test("CometD's sub-paths, several parameters, an empty unit", async (t) => {
  const { get, gateway } = await start(t);
  await get("/faye/connect?jsonp=cb&message=%7B%22id%22%3A1%7D&message=%5B%7B%22id%22%3A2%7D%5D");
  assert.deepEqual(gateway.last.unit, [{ id: 1 }, { id: 2 }]);
  assert.equal((await get("/faye?jsonp=cb&message=[]")).body, "/**/cb([]);");
});

test("case 169: for handshakes only", async (t) => {
  const { get } = await start(t, { jsonp: "handshake-only" });
  const of = (...messages: object[]) => query({ jsonp: "cb", message: JSON.stringify(messages) });
  assert.equal((await get(of(handshake))).status, 200);
  assert.equal((await get(of({ channel: "/meta/connect" }))).status, 403);
  assert.equal((await get(of(handshake, { channel: "/a" }))).status, 403);
});

test("off", async (t) => {
  const { get } = await start(t, { jsonp: "off" });
  assert.equal((await get(query({ jsonp: "cb" }))).status, 403);
});
