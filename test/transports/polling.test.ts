import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { eventually, read, start } from "./fixture.ts";

const UNIT = [{ id: "1", channel: "/a", data: "é+&" }];
const JSON_TEXT = JSON.stringify(UNIT);
const FORM = `message=${encodeURIComponent(JSON_TEXT)}`;

describe("what a POST may look like (cases 127-135)", () => {
  const table: [string, string, Record<string, string>, string?][] = [
    ["127 charset", JSON_TEXT, { "Content-Type": "application/json; charset=UTF-8" }],
    ["127 case", JSON_TEXT, { "Content-Type": "Application/JSON" }],
    ["128 form", FORM, { "Content-Type": "application/x-www-form-urlencoded" }],
    ["129 form as text", FORM, { "Content-Type": "text/plain;charset=UTF-8" }],
    ["130 JSON as text", JSON_TEXT, { "Content-Type": "text/plain" }],
    ["131 no label", FORM, { "Content-Type": "" }],
    ["132 slash", JSON_TEXT, {}, "/faye/"],
    ["132 handshake", JSON_TEXT, {}, "/faye/handshake"],
    ["132 deep", JSON_TEXT, {}, "/faye/x/y?z=1"],
    ["135 chunked", JSON_TEXT, { "Transfer-Encoding": "chunked" }],
    ["23 one object", JSON.stringify(UNIT[0]), {}],
    ["25 null items", `[null,${JSON.stringify(UNIT[0])}]`, {}],
  ];
  for (const [name, body, headers, path] of table) {
    test(`case ${name}`, async (t) => {
      const { post, gateway } = await start(t);
      const answer = await post(body, headers, path);
      assert.equal(answer.status, 200);
      assert.deepEqual(JSON.parse(answer.body), UNIT);
      assert.equal(gateway.last.link.transport, "long-polling");
      assert.equal(gateway.last.link.once, true);
    });
  }

  test("case 128: two message parameters are one unit", async (t) => {
    const { post, gateway } = await start(t);
    await post("message=[{%22id%22:1}]&x=y&message={%22id%22:2}", { "Content-Type": "text/plain" });
    assert.deepEqual(gateway.last.unit, [{ id: 1 }, { id: 2 }]);
  });

  test("case 133: other paths are not ours", async (t) => {
    const { post, gateway, transports } = await start(t);
    for (const path of ["/fayex", "/x/faye", "/"]) {
      assert.equal((await post(JSON_TEXT, {}, path)).status, 404);
      assert.equal(transports.owns(path), false);
    }
    assert.ok(transports.owns("/faye?x") && transports.owns("/faye/x"));
    assert.equal(gateway.units.length, 0);
  });

  test("case 134: other methods", async (t) => {
    const { ask } = await start(t);
    for (const method of ["PUT", "DELETE", "PATCH", "HEAD"]) {
      const answer = await ask({ method, path: "/faye" });
      assert.equal(answer.status, 405);
      assert.equal(answer.headers.allow, "GET, POST, OPTIONS");
    }
  });
});

test("case 138: headers of a reply", async (t) => {
  const { post } = await start(t);
  const { headers, body } = await post(JSON_TEXT);
  assert.equal(headers["content-type"], "application/json; charset=utf-8");
  assert.equal(headers["cache-control"], "no-cache, no-store");
  assert.equal(headers["x-content-type-options"], "nosniff");
  assert.equal(headers["content-length"], String(Buffer.byteLength(body)));
});

describe("units that are none (cases 20-31)", () => {
  for (const [number, body] of [
    ["20", "[]"],
    ["24", "null"],
    ["25", "[null]"],
  ] as const) {
    test(`case ${number}: ${body} gets []`, async (t) => {
      const { post, gateway } = await start(t);
      const answer = await post(body);
      assert.deepEqual([answer.status, answer.body], [200, "[]"]);
      assert.equal(gateway.units.length, 0);
    });
  }

  for (const body of ["1", '"x"', "true", "{bad", "", "\uFEFF[]"]) {
    test(`cases 27-31: ${JSON.stringify(body)} is a 400, with CORS headers for an allowed origin`, async (t) => {
      const { post } = await start(t, { allowedOrigins: ["http://a.example"] });
      const answer = await post(body, { Origin: "http://a.example" });
      assert.equal(answer.status, 400);
      assert.match(String(answer.headers["content-type"]), /^text\/plain/);
      assert.equal(answer.headers["access-control-allow-origin"], "http://a.example");
    });
  }

  test("a body that is no UTF-8 is a 400", async (t) => {
    const { ask } = await start(t);
    const headers = { "Content-Type": "application/json" };
    assert.equal(
      (await ask({ method: "POST", path: "/faye", headers }, Buffer.from([0x5b, 0xff, 0x5d]))).status,
      400,
    );
  });

  test("a form without a message is a 400", async (t) => {
    const { post } = await start(t);
    assert.equal((await post("a=b", { "Content-Type": "text/plain" })).status, 400);
    assert.equal((await post("message=", { "Content-Type": "text/plain" })).status, 400);
  });

  test("a compressed body is a 415", async (t) => {
    const { post } = await start(t);
    assert.equal((await post("x", { "Content-Encoding": "gzip" })).status, 415);
  });
});

describe("bodies without end (cases 136, 137)", () => {
  const TOO_LARGE = [{ successful: false, error: "413::Message too large" }];

  test("case 136: by its Content-Length", async (t) => {
    const { post, gateway } = await start(t, { bodyBytes: 1000 });
    const answer = await post(JSON.stringify([{ data: "x".repeat(2000) }]));
    assert.equal(answer.status, 413);
    assert.deepEqual(JSON.parse(answer.body), TOO_LARGE);
    assert.equal(answer.headers.connection, "close");
    assert.equal(gateway.units.length, 0);
  });

  test("case 136: the answer arrives although megabytes are still on their way", async (t) => {
    const { post } = await start(t, { bodyBytes: 1000 });
    assert.equal((await post("x".repeat(8_000_000))).status, 413);
  });

  test("case 136: chunked", async (t) => {
    const { post } = await start(t, { bodyBytes: 1000 });
    const answer = await post("x".repeat(5000), { "Transfer-Encoding": "chunked" });
    assert.deepEqual(JSON.parse(answer.body), TOO_LARGE);
  });

  test("case 137: too slow", async (t) => {
    const { begin, clock, gateway } = await start(t, { bodyTimeout: 15 });
    const request = begin({ method: "POST", path: "/faye", headers: { "Content-Length": 100 } });
    request.on("error", () => {});
    const response = new Promise<Awaited<ReturnType<typeof read>>>((done) =>
      request.on("response", (incoming) => done(read(incoming))),
    );
    request.write("[");
    await eventually(() => clock.waiting > 0, "the server reads");
    clock.advance(16_000);
    const answer = await response;
    assert.equal(answer.status, 408);
    assert.deepEqual(JSON.parse(answer.body), [{ successful: false, error: "408::Request timeout" }]);
    await eventually(() => request.socket?.destroyed === true, "the connection is closed");
    assert.equal(gateway.units.length, 0);
    request.destroy();
  });

  test("an answer that nobody reads is cut off, and is not handed over", async (t) => {
    const { begin, gateway } = await start(t, { unreadTimeout: 0.3 });
    gateway.onUnit = (_unit, link) =>
      link.send(`["${"x".repeat(30_000_000)}"]`, (handed) => gateway.handed.push(handed));
    const request = begin({
      method: "POST",
      path: "/faye",
      headers: { "Content-Type": "application/json" },
    });
    request.on("error", () => {});
    request.on("response", (response) => response.on("error", () => {}).pause());
    request.end("[{}]");
    await eventually(() => gateway.handed.length === 1, "cut off");
    assert.deepEqual(gateway.handed, [false]);
    await eventually(() => gateway.closedLinks.length === 1, "closed");
    request.destroy();
  });

  test("one message too large of several is its own failure (case 117)", async (t) => {
    const { post, gateway } = await start(t, { messageBytes: 1000 });
    await post(JSON.stringify([{ id: 1, data: "x".repeat(2000) }, { id: 2 }]));
    assert.deepEqual(
      gateway.last.unit.map((item) => (item as { error?: string }).error),
      ["413::Message too large", undefined],
    );
  });
});

describe("one answer, and knowing whether it left (case 77)", () => {
  test("sent whole: done(true), then closed", async (t) => {
    const { post, gateway, transports } = await start(t);
    await post(JSON_TEXT);
    await eventually(() => gateway.handed.length === 1 && transports.counts().polls === 0, "done");
    assert.deepEqual(gateway.handed, [true]);
    await eventually(() => gateway.closedLinks.length === 1, "closed");
  });

  test("the peer went while it was held: closed, then done(false)", async (t) => {
    const { begin, gateway, transports } = await start(t);
    gateway.onUnit = () => {};
    const request = begin({ method: "POST", path: "/faye" });
    request.on("error", () => {});
    request.end(JSON_TEXT);
    await eventually(() => gateway.units.length === 1, "arrival");
    assert.equal(transports.counts().polls, 1);
    request.destroy();
    await eventually(() => gateway.closedLinks.length === 1, "closed");
    const { link } = gateway.last;
    assert.equal(gateway.closedLinks[0], link);
    link.send("[]", (handed) => gateway.handed.push(handed));
    assert.deepEqual(gateway.handed, [false]);
    assert.equal(transports.counts().polls, 0);
  });

  test("the peer stopped reading and went: done(false) and closed once", async (t) => {
    const { raw, gateway } = await start(t);
    gateway.onUnit = () => {};
    const socket = await raw();
    socket.write(
      `POST /faye HTTP/1.1\r\nHost: x\r\nContent-Length: ${JSON_TEXT.length + 1}\r\n\r\n${JSON_TEXT}`,
    );
    await eventually(() => gateway.units.length === 1, "arrival");
    socket.pause();
    gateway.last.link.send(`["${"x".repeat(30_000_000)}"]`, (handed) => gateway.handed.push(handed));
    await new Promise((done) => setTimeout(done, 50));
    assert.deepEqual(gateway.handed, []);
    socket.destroy();
    await eventually(() => gateway.closedLinks.length === 1, "closed");
    assert.deepEqual(gateway.handed, [false]);
  });

  test("a second send is refused", async (t) => {
    const { post, gateway } = await start(t);
    gateway.onUnit = (_, link) => {
      link.send("[1]");
      link.send("[2]", (handed) => gateway.handed.push(handed));
    };
    assert.equal((await post(JSON_TEXT)).body, "[1]");
    assert.deepEqual(gateway.handed, [false]);
  });

  test("a gateway that throws costs one request", async (t) => {
    const { post, gateway, logged } = await start(t);
    gateway.onUnit = () => {
      throw new Error("boom");
    };
    const answer = await post(JSON_TEXT);
    assert.equal(answer.status, 503);
    assert.equal(JSON.parse(answer.body)[0].successful, false);
    assert.equal(logged.length, 1);
  });

  test("after close no poll is begun", async (t) => {
    const { post, transports } = await start(t);
    transports.close();
    assert.equal((await post(JSON_TEXT)).status, 503);
  });
});

describe("who is asking", () => {
  test("by itself", async (t) => {
    const { post, gateway } = await start(t);
    await post(JSON_TEXT, {
      "X-Forwarded-For": "1.2.3.4",
      "X-Forwarded-Proto": "https",
      Cookie: "a=1; __proto__=2",
    });
    const { requester } = gateway.last.link;
    assert.equal(requester.remoteIP, "127.0.0.1");
    assert.ok(requester.remotePort > 0);
    assert.equal(requester.secure, false);
    assert.equal(requester.cookies.a, "1");
    assert.equal(requester.cookies.toString, undefined);
  });

  for (const trustProxy of [true, 1, "loopback", ["127.0.0.1/8"]]) {
    test(`behind a proxy that is trusted: ${JSON.stringify(trustProxy)}`, async (t) => {
      const { post, gateway } = await start(t, { trustProxy });
      await post(JSON_TEXT, { "X-Forwarded-For": "1.2.3.4", "X-Forwarded-Proto": "https" });
      const { remoteIP, remotePort, secure } = gateway.last.link.requester;
      assert.deepEqual([remoteIP, remotePort, secure], ["1.2.3.4", 0, true]);
    });
  }

  test("nonsense from a trusted proxy", async (t) => {
    const { post, gateway } = await start(t, { trustProxy: true });
    await post(JSON_TEXT, { "X-Forwarded-For": "<script>" });
    assert.equal(gateway.last.link.requester.remoteIP, "127.0.0.1");
  });
});

test("an address has so many sockets, event streams and unanswered requests, and is refused another", async (t) => {
  const { post, get, open, refusedUpgrade, gateway, transports } = await start(t, { maxPerAddress: 2 });
  const answer = gateway.onUnit;
  gateway.onUnit = () => {};
  const held = post(JSON_TEXT);
  await eventually(() => gateway.units.length === 1, "held");
  const { socket } = await open();
  const refused = await post(JSON_TEXT);
  assert.deepEqual([refused.status, refused.body], [429, "Too many connections from this address"]);
  assert.equal((await get("/faye/known", { Accept: "text/event-stream" })).status, 429);
  assert.equal(await refusedUpgrade(), 429);
  socket.close();
  await eventually(() => transports.counts().sockets === 0, "closed");
  gateway.last.link.send(JSON_TEXT);
  assert.equal((await held).status, 200);
  gateway.onUnit = answer;
  await eventually(() => transports.counts().polls === 0, "answered");
  assert.equal((await post(JSON_TEXT)).status, 200);
  assert.equal((await get("/faye/known?message=[]&jsonp=x")).status, 200);
});
