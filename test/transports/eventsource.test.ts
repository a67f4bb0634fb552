import assert from "node:assert/strict";
import type { IncomingMessage } from "node:http";
import { test } from "node:test";
import { eventually, type Fixture, start } from "./fixture.ts";

const ACCEPT = { Accept: "text/event-stream" };

async function listen(fixture: Fixture, path: string) {
  const request = fixture.begin({ path, headers: ACCEPT });
  request.on("error", () => {});
  request.end();
  const response = await new Promise<IncomingMessage>((done) => request.on("response", done));
  const heard = { text: "", ended: false, response, request };
  response.on("data", (chunk) => {
    heard.text += chunk;
  });
  response.on("error", () => {});
  response.on("close", () => {
    heard.ended = true;
  });
  return heard;
}

test("case 148: stream, deliveries, comments", async (t) => {
  const fixture = await start(t);
  const heard = await listen(fixture, "/faye/known");
  const { headers, statusCode } = heard.response;
  assert.equal(statusCode, 200);
  assert.equal(headers["content-type"], "text/event-stream");
  assert.equal(headers["cache-control"], "no-cache, no-store");
  assert.equal(headers.connection, "close");
  assert.equal(headers["referrer-policy"], "no-referrer");
  await eventually(() => heard.text === "retry: 5000\r\n\r\n", "retry first");
  const { link, clientId } = fixture.gateway.streams[0]!;
  assert.equal(clientId, "known");
  assert.deepEqual([link.transport, link.once, link.writable], ["eventsource", false, true]);
  link.send('[{"channel":"/a","data":1}]', (handed) => fixture.gateway.handed.push(handed));
  await eventually(() => heard.text.endsWith('data: [{"channel":"/a","data":1}]\r\n\r\n'), "a delivery");
  await eventually(() => fixture.gateway.handed[0] === true, "handed");
  fixture.clock.advance(15_000);
  await eventually(() => heard.text.endsWith(":\r\n\r\n"), "a comment within 15 s");
  assert.equal(fixture.transports.counts().streams, 1);
  assert.equal(fixture.clock.waiting, 1);
});

test("cases 149, 190: an unknown id is a 404, nothing is kept and the id is in no log", async (t) => {
  const { get, gateway, transports, logged } = await start(t);
  const answer = await get("/faye/secret", ACCEPT);
  assert.equal(answer.status, 404);
  await eventually(() => transports.counts().streams === 0, "forgotten");
  assert.deepEqual(gateway.closedLinks, []);
  gateway.knows = async () => {
    throw new Error("away");
  };
  assert.equal((await get("/faye/secret", ACCEPT)).status, 500);
  assert.equal(logged.length, 1);
  assert.doesNotMatch(logged.join(), /secret/);
});

test("a delivery before the gateway has answered", async (t) => {
  const fixture = await start(t);
  fixture.gateway.knows = async () => {
    fixture.gateway.streams[0]!.link.send("[1]");
    return true;
  };
  const heard = await listen(fixture, "/faye/known");
  await eventually(() => heard.text === "retry: 5000\r\n\r\ndata: [1]\r\n\r\n", "both, in order");
});

test("case 151: the peer closes", async (t) => {
  const fixture = await start(t);
  const heard = await listen(fixture, "/faye/known");
  heard.request.destroy();
  await eventually(() => fixture.gateway.closedLinks.length === 1, "closed");
  fixture.gateway.streams[0]!.link.send("[]", (handed) => fixture.gateway.handed.push(handed));
  assert.deepEqual(fixture.gateway.handed, [false]);
});

test("a slow reader is not writable until it has read", async (t) => {
  const fixture = await start(t, { maxBuffered: 100_000 });
  const heard = await listen(fixture, "/faye/known");
  heard.response.pause();
  const { link } = fixture.gateway.streams[0]!;
  const text = `["${"x".repeat(1_000_000)}"]`;
  for (let count = 0; count < 40 && link.writable; count++) {
    link.send(text);
    await new Promise((done) => setImmediate(done));
  }
  assert.equal(link.writable, false);
  const before = fixture.gateway.drainedLinks.length;
  heard.response.resume();
  await eventually(() => fixture.gateway.drainedLinks.length === before + 1, "drained");
  assert.equal(link.writable, true);
});

test("a stream that nobody reads is cut off", async (t) => {
  const fixture = await start(t, { maxBuffered: 100_000, unreadTimeout: 0.3 });
  const heard = await listen(fixture, "/faye/known");
  heard.response.pause();
  const { link } = fixture.gateway.streams[0]!;
  while (link.writable) {
    link.send(`["${"x".repeat(1_000_000)}"]`);
    await new Promise((done) => setImmediate(done));
  }
  await eventually(() => fixture.gateway.closedLinks.length === 1, "cut off");
});

test("closed by the server", async (t) => {
  const fixture = await start(t);
  const heard = await listen(fixture, "/faye/known");
  fixture.transports.close();
  await eventually(() => heard.ended, "the end");
});

test("foreign pages are refused, the transport can be off", async (t) => {
  const fixture = await start(t);
  assert.equal((await fixture.get("/faye/known", { ...ACCEPT, Origin: "http://evil.example" })).status, 403);
  assert.equal((await fixture.get("/faye/known", { ...ACCEPT, "Sec-Fetch-Site": "cross-site" })).status, 403);
  const off = await start(t, { transports: new Set(["long-polling"]) });
  assert.equal((await off.get("/faye/known", ACCEPT)).status, 404);
});
