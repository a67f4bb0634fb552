import assert from "node:assert/strict";
import { describe, test } from "node:test";
import type { TransportOptions } from "../../src/transports/index.ts";
import { OriginPolicy } from "../../src/transports/origin.ts";
import { type Answer, eventually, type Fixture, handshake, start } from "./fixture.ts";

const ALLOWED = "https://a.example";
const FOREIGN = "https://evil.example";
const BODY = JSON.stringify([handshake]);
const JSONP = `/faye?message=${encodeURIComponent(BODY)}&jsonp=cb`;

describe("what is the same origin", () => {
  const policy = new OriginPolicy(["https://A.example:443/", "http://b.example:8080"]);
  const table: [string, string, string][] = [
    ["http://x.example", "http://x.example", "same"],
    ["http://x.example", "http://x.example:80", "same"],
    ["https://x.example", "https://X.example:443", "same"],
    ["https://x.example", "http://x.example", "foreign"],
    ["http://x.example:8080", "http://x.example", "foreign"],
    ["http://sub.x.example", "http://x.example", "foreign"],
    ["https://a.example", "http://x", "listed"],
    ["http://a.example", "http://x", "foreign"],
    ["http://b.example:8080", "http://x", "listed"],
    ["http://b.example", "http://x", "foreign"],
    ["null", "http://x", "foreign"],
    ["", "http://", "foreign"],
  ];
  for (const [origin, own, verdict] of table) {
    test(`${origin || "empty"} at ${own}: ${verdict}`, () =>
      assert.equal(policy.judge({ origin }, own), verdict));
  }
  test("none at all is a program", () => assert.equal(policy.judge({}, "http://x"), "absent"));
  test("everybody but opaque ones", () => {
    assert.equal(new OriginPolicy(["*"]).judge({ origin: FOREIGN }, "http://x"), "any");
    assert.equal(new OriginPolicy(["*"]).judge({ origin: "null" }, "http://x"), "foreign");
    assert.equal(new OriginPolicy(["null"]).judge({ origin: "null" }, "http://x"), "listed");
  });
});

const setCookie = (answer: Answer) => answer.headers["set-cookie"]?.[0] ?? "";

describe("preflight (cases 161-163)", () => {
  const ask = (fixture: Fixture, headers: Record<string, string>) =>
    fixture.ask({
      method: "OPTIONS",
      path: "/faye/handshake",
      headers: { "Access-Control-Request-Method": "POST", ...headers },
    });

  test("case 161: an allowed origin", async (t) => {
    const answer = await ask(await start(t, { allowedOrigins: [ALLOWED] }), { Origin: ALLOWED });
    assert.equal(answer.status, 204);
    assert.equal(answer.headers["access-control-allow-origin"], ALLOWED);
    assert.equal(answer.headers["access-control-allow-credentials"], "true");
    assert.equal(answer.headers["access-control-allow-methods"], "POST, GET");
    assert.match(
      String(answer.headers["access-control-allow-headers"]),
      /Content-Type, Pragma, X-Requested-With/,
    );
    assert.match(String(answer.headers.vary), /^Origin/);
  });

  for (const headers of [{ Origin: FOREIGN }, { Origin: "null" }, {}]) {
    test(`cases 162, 163, 166: ${JSON.stringify(headers)} is granted nothing`, async (t) => {
      const answer = await ask(
        await start(t, { allowedOrigins: [ALLOWED] }),
        headers as Record<string, string>,
      );
      const granted = Object.keys(answer.headers).filter((name) => name.startsWith("access-control"));
      assert.deepEqual(granted, []);
    });
  }
});

describe("POST (cases 130, 164-166)", () => {
  test("case 164: an allowed origin", async (t) => {
    const { post, gateway } = await start(t, { allowedOrigins: [ALLOWED] });
    const answer = await post(BODY, { Origin: ALLOWED, Cookie: "a=1" });
    assert.equal(answer.headers["access-control-allow-origin"], ALLOWED);
    assert.equal(answer.headers["access-control-allow-credentials"], "true");
    assert.equal(answer.headers.vary, "Origin");
    assert.equal(gateway.last.link.transport, "cross-origin-long-polling");
    assert.equal(gateway.last.link.requester.cookies.a, "1");
  });

  test("the same origin is long-polling", async (t) => {
    const { post, gateway, origin } = await start(t);
    assert.equal((await post(BODY, { Origin: origin })).status, 200);
    assert.equal(gateway.last.link.transport, "long-polling");
  });

  for (const headers of [{ Origin: FOREIGN }, { Origin: "null" }, { "Sec-Fetch-Site": "cross-site" }]) {
    for (const type of ["application/json", "text/plain"]) {
      test(`cases 130, 164, 166: ${JSON.stringify(headers)} as ${type} is refused`, async (t) => {
        const { post, gateway } = await start(t, { allowedOrigins: [ALLOWED] });
        const answer = await post(BODY, { ...(headers as object), "Content-Type": type });
        assert.equal(answer.status, 403);
        assert.equal(answer.headers["access-control-allow-origin"], undefined);
        assert.equal(gateway.units.length, 0);
      });
    }
  }

  test("case 165: errors carry the headers too", async (t) => {
    const { ask } = await start(t, { allowedOrigins: [ALLOWED], bodyBytes: 10 });
    for (const [method, status] of [
      ["POST", 413],
      ["PUT", 405],
    ] as const) {
      const answer = await ask({ method, path: "/faye", headers: { Origin: ALLOWED } }, "x".repeat(20));
      assert.equal(answer.status, status);
      assert.equal(answer.headers["access-control-allow-origin"], ALLOWED);
    }
  });

  test("everybody allowed: read, but without cookies and credentials", async (t) => {
    const { post, gateway } = await start(t, { allowedOrigins: ["*"] });
    const answer = await post(BODY, { Origin: FOREIGN, Cookie: "a=1", Authorization: "Basic x" });
    assert.equal(answer.headers["access-control-allow-origin"], FOREIGN);
    const { cookies, headers } = gateway.last.link.requester;
    assert.deepEqual({ ...cookies }, {});
    assert.equal(headers.cookie ?? headers.authorization, undefined);
    assert.equal(setCookie(answer), "");
  });

  test("a form without an origin is anybody's: no cookies", async (t) => {
    const { post, gateway } = await start(t);
    await post(BODY, { Cookie: "a=1", "Content-Type": "text/plain" });
    assert.deepEqual({ ...gateway.last.link.requester.cookies }, {});
  });

  test("the host that a trusted proxy names is ours", async (t) => {
    const headers = { Origin: ALLOWED, "X-Forwarded-Proto": "https", "X-Forwarded-Host": "a.example" };
    const trusting = await start(t, { trustProxy: "loopback" });
    assert.equal((await trusting.post(BODY, headers)).status, 200);
    assert.equal(trusting.gateway.last.link.transport, "long-polling");
    const distrusting = await start(t);
    assert.equal((await distrusting.post(BODY, headers)).status, 403);
  });
});

describe("what a chain of proxies says of us", () => {
  const OURS = "https://ours.example";
  const headers = {
    "X-Forwarded-For": "6.6.6.6, 1.2.3.4",
    "X-Forwarded-Proto": "https, https",
    "X-Forwarded-Host": "evil.example, ours.example",
  };
  const hops = { ...headers, "X-Forwarded-For": "6.6.6.6, 1.2.3.4, 127.0.0.1" };
  const table: [what: string, trustProxy: TransportOptions["trustProxy"], headers: object, own: string][] = [
    ["one that appends", 1, headers, OURS],
    ["one that appends, by its address", "loopback", headers, OURS],
    [
      "one that appends to what came as two headers",
      1,
      { ...headers, "X-Forwarded-Host": ["evil.example", "ours.example"] },
      OURS,
    ],
    [
      "one that says http where the client says https",
      1,
      { ...headers, "X-Forwarded-Proto": "https, http" },
      "http://ours.example",
    ],
    [
      "one that says nothing of the host",
      1,
      { ...headers, "X-Forwarded-Host": "evil.example, ", Host: "ours.example" },
      OURS,
    ],
    [
      "two that append",
      2,
      { ...hops, "X-Forwarded-Host": "evil.example, ours.example, inner.example" },
      OURS,
    ],
    [
      "two that append, by their address",
      "loopback",
      { ...hops, "X-Forwarded-Host": "evil.example, ours.example, inner.example" },
      OURS,
    ],
    [
      "two that overwrite",
      2,
      {
        "X-Forwarded-For": "1.2.3.4, 127.0.0.1",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": "ours.example",
      },
      OURS,
    ],
    [
      "two that overwrite the address, too",
      2,
      { "X-Forwarded-For": "1.2.3.4", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "ours.example" },
      OURS,
    ],
    [
      "one that names no client",
      1,
      { "X-Forwarded-Proto": "https", "X-Forwarded-Host": "evil.example, ours.example" },
      OURS,
    ],
  ];
  for (const [what, trustProxy, headers, own] of table) {
    test(what, async (t) => {
      const { post, gateway } = await start(t, { trustProxy });
      const from = (origin: string) => post(BODY, { ...headers, Origin: origin } as Record<string, string>);
      assert.equal((await from(own)).status, 200);
      assert.equal(gateway.last.link.transport, "long-polling");
      assert.equal(gateway.last.link.requester.secure, own.startsWith("https:"));
      if ("X-Forwarded-For" in headers) assert.equal(gateway.last.link.requester.remoteIP, "1.2.3.4");
      assert.equal((await from(FOREIGN)).status, 403);
    });
  }

  test("also for an upgrade", async (t) => {
    const { open, refusedUpgrade, gateway } = await start(t, { trustProxy: 1 });
    assert.equal(await refusedUpgrade({ headers, origin: FOREIGN }), 403);
    const { socket } = await open({ headers, origin: OURS });
    socket.send('[{"channel":"/a"}]');
    await eventually(() => gateway.units.length === 1, "a unit");
    const { remoteIP, secure } = gateway.last.link.requester;
    assert.deepEqual([remoteIP, secure], ["1.2.3.4", true]);
  });
});

describe("websocket (case 167)", () => {
  test("foreign, opaque: refused; same, allowed, none: accepted", async (t) => {
    const { refusedUpgrade, open, origin } = await start(t, { allowedOrigins: [ALLOWED] });
    assert.equal(await refusedUpgrade({ origin: FOREIGN }), 403);
    assert.equal(await refusedUpgrade({ origin: "null" }), 403);
    for (const accepted of [origin, ALLOWED]) await open({ origin: accepted });
    await open();
  });
});

describe("callback-polling (case 168)", () => {
  const refused: Record<string, string>[] = [
    { "Sec-Fetch-Site": "cross-site" },
    { "Sec-Fetch-Site": "same-site" },
    { Referer: `${FOREIGN}/page` },
    { Referer: "nonsense" },
    { "Sec-Fetch-Site": "cross-site", Referer: `${FOREIGN}/page` },
    { Origin: FOREIGN },
  ];
  for (const headers of refused) {
    test(`${JSON.stringify(headers)} is refused`, async (t) => {
      const { get, gateway } = await start(t, { allowedOrigins: [ALLOWED] });
      assert.equal((await get(JSONP, headers)).status, 403);
      assert.equal(gateway.units.length, 0);
    });
  }

  test("a page of an allowed origin keeps its cookies", async (t) => {
    const { get, gateway, origin } = await start(t, { allowedOrigins: [ALLOWED] });
    for (const headers of [
      { "Sec-Fetch-Site": "cross-site", Referer: `${ALLOWED}/page` },
      { "Sec-Fetch-Site": "same-origin" },
      { Referer: `${origin}/page` },
    ]) {
      assert.equal((await get(JSONP, { ...(headers as object), Cookie: "a=1" })).status, 200);
      assert.equal(gateway.last.link.requester.cookies.a, "1");
      assert.equal(gateway.last.link.transport, "callback-polling");
    }
  });

  test("with nothing to go by it is anonymous", async (t) => {
    const { get, gateway } = await start(t);
    const answer = await get(JSONP, { Cookie: "a=1" });
    assert.equal(answer.status, 200);
    assert.deepEqual({ ...gateway.last.link.requester.cookies }, {});
    assert.equal(setCookie(answer), "");
  });
});

describe("the browser's cookie", () => {
  test("minted for a handshake, and known to it already", async (t) => {
    const { post, gateway } = await start(t);
    const answer = await post(BODY);
    const match = /^BAYEUX_BROWSER=([0-9a-f]{32,}); Path=\/faye; HttpOnly; SameSite=Lax$/.exec(
      setCookie(answer),
    );
    assert.ok(match, setCookie(answer));
    assert.equal(gateway.last.link.requester.cookies.BAYEUX_BROWSER, match[1]);
    assert.notEqual(setCookie(await post(BODY)), setCookie(answer));
  });

  test("not minted where there is one, and for nothing else", async (t) => {
    const { post, gateway } = await start(t);
    assert.equal(setCookie(await post(BODY, { Cookie: "BAYEUX_BROWSER=x" })), "");
    assert.equal(gateway.last.link.requester.cookies.BAYEUX_BROWSER, "x");
    assert.equal(setCookie(await post('[{"channel":"/a"}]')), "");
  });

  test("over https, and for other origins", async (t) => {
    const { post } = await start(t, { secure: true, mount: "/real/time/", allowedOrigins: [ALLOWED] });
    const same = setCookie(await post(BODY, {}, "/real/time"));
    assert.match(same, /; Path=\/real\/time; HttpOnly; Secure; SameSite=Lax$/);
    const other = setCookie(await post(BODY, { Origin: ALLOWED }, "/real/time"));
    assert.match(other, /; Secure; SameSite=None$/);
  });
});
