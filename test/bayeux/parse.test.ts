import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import { DEFAULT_MESSAGE_LIMITS, type Message, parseMessage } from "../../src/bayeux/index.ts";

const LIMITS = { ...DEFAULT_MESSAGE_LIMITS, timeout: 25_000 };
const H = "h1";
const parse = (raw: unknown): Message => parseMessage(raw, LIMITS);

function refusal(raw: unknown): Record<string, unknown> {
  const message = parse(raw);
  assert.equal(message.kind, "refused");
  assert.equal(message.reply.successful, false);
  assert.equal("data" in message.reply, false);
  assert.equal("clientId" in message.reply, false);
  return message.reply;
}

const publish = (channel: unknown) => ({ id: "1", channel, clientId: H, data: 1 });
const connect = (more: object) => ({
  id: "1",
  channel: "/meta/connect",
  connectionType: "websocket",
  ...more,
});
const subscribe = (subscription: unknown) => ({
  id: "1",
  channel: "/meta/subscribe",
  clientId: H,
  subscription,
});
const handshake = (more: object) => ({
  id: "1",
  channel: "/meta/handshake",
  version: "1.0",
  supportedConnectionTypes: ["long-polling"],
  ...more,
});

describe("envelope (7.1)", () => {
  const refusals: [string, unknown, string][] = [
    ["5", publish("foo"), "405:foo:Invalid channel"],
    ["6", publish("/"), "405:/:Invalid channel"],
    ["7", publish("/foo/"), "405:/foo/:Invalid channel"],
    ["8", publish("//foo"), "405://foo:Invalid channel"],
    ["10", publish("/foo/*"), "405:/foo/*:Invalid channel"],
    ["10", publish("/**"), "405:/**:Invalid channel"],
    ["11", publish("/foo?x"), "405:/foo_x:Invalid channel"],
    ["12", publish("/meta/connect\n"), "405:/meta/connect_:Invalid channel"],
    ["13", publish("/meta/foo"), "403:/meta/foo:Forbidden channel"],
    ["13", publish("/meta"), "403:/meta:Forbidden channel"],
    ["13", publish("/meta/subscribe/x"), "403:/meta/subscribe/x:Forbidden channel"],
    ["16", publish(undefined), "405::Invalid channel"],
    ["16", { id: "1" }, "402:data:Missing required parameter"],
    ["17", publish(17), "405:17:Invalid channel"],
    ["17", publish({}), "405::Invalid channel"],
    ["18", publish(["/p"]), "405::Invalid channel"],
    ["19", publish(`/${"a".repeat(256)}`), `405:/${"a".repeat(99)}:Invalid channel`],
    ["22", {}, "402:data:Missing required parameter"],
  ];
  for (const [number, raw, error] of refusals) {
    test(`case ${number}: ${error.slice(0, 40)}`, () => assert.equal(refusal(raw).error, error));
  }

  test("cases 1-4, 14, 15: ordinary channels", () => {
    for (const channel of [
      "/foo",
      "/a/b/c",
      "/-_!~()$@",
      "/A",
      "/META/connect",
      "/__proto__",
      "/constructor",
    ]) {
      assert.deepEqual(parse(publish(channel)), {
        kind: "publish",
        id: "1",
        clientId: H,
        channel,
        data: 1,
        ext: Object.create(null),
      });
    }
  });

  test("case 26: what is no object is refused without id and channel", () => {
    for (const raw of [1, "x", true, [], [publish("/a")], undefined]) {
      assert.deepEqual(refusal(raw), { successful: false, error: "400::Bad request" });
    }
  });

  test("cases 36-39: ids keep value and type, others are dropped", () => {
    for (const id of ["a1", 7, 0, "", -1.5]) {
      assert.equal(parse({ ...publish("/a"), id }).id, id);
      assert.equal(refusal({ ...publish("bad"), id }).id, id);
    }
    for (const id of [{}, [], true, null, Number.POSITIVE_INFINITY, undefined]) {
      assert.equal(parse({ ...publish("/a"), id }).id, undefined);
      assert.equal("id" in refusal({ ...publish("bad"), id }), false);
    }
  });

  test("a channel that is text is echoed in the refusal", () => {
    assert.equal(refusal(publish("foo")).channel, "foo");
    assert.equal("channel" in refusal(publish(5)), false);
  });
});

describe("handshake (7.2)", () => {
  const refusals: [string, object, string][] = [
    [
      "43",
      { supportedConnectionTypes: ["iframe", "flash"] },
      "301:iframe,flash:Connection types not supported",
    ],
    ["44", { supportedConnectionTypes: [] }, "301::Connection types not supported"],
    [
      "45",
      { supportedConnectionTypes: undefined },
      "402:supportedConnectionTypes:Missing required parameter",
    ],
    ["46", { supportedConnectionTypes: "websocket" }, "301:websocket:Connection types not supported"],
    ["46", { supportedConnectionTypes: {} }, "301::Connection types not supported"],
    ["47", { supportedConnectionTypes: ["websocket", 5] }, "301:websocket:Connection types not supported"],
    ["48", { version: undefined }, "402:version:Missing required parameter"],
    ["48", { version: null }, "402:version:Missing required parameter"],
    ["49", { version: "9.9" }, "300:9.9:Version mismatch"],
    ["49", { version: {} }, "300::Version mismatch"],
    ["49", { version: "10" }, "300:10:Version mismatch"],
    ["51", { minimumVersion: "2.0" }, "300:2.0:Version mismatch"],
  ];
  for (const [number, more, error] of refusals) {
    test(`case ${number}: ${error}, advice none, types present`, () => {
      assert.deepEqual(refusal(handshake(more)), {
        id: "1",
        channel: "/meta/handshake",
        successful: false,
        version: "1.0",
        supportedConnectionTypes: LIMITS.types,
        error,
        advice: { reconnect: "none", interval: 0, timeout: 25_000 },
      });
    });
  }

  test("case 47: 10,000 types, at most 8 of them come back", () => {
    const { error } = refusal(handshake({ supportedConnectionTypes: Array(10_000).fill("websocket") }));
    assert.equal(String(error).split(",").length, 8);
  });

  test("cases 41, 42, 50-53: accepted", () => {
    assert.deepEqual(parse(handshake({ ext: { a: 1 } })), {
      kind: "handshake",
      id: "1",
      types: ["long-polling"],
      ext: { a: 1 },
      cometd: false,
    });
    assert.equal(parse(handshake({ version: 1 })).kind, "handshake");
    assert.equal(parse(handshake({ version: "1" })).kind, "handshake");
    assert.equal(parse(handshake({ clientId: H })).kind, "handshake");
    assert.equal(parse(handshake({ supportedConnectionTypes: ["flash", "websocket"] })).kind, "handshake");
    const cometd = parse(handshake({ minimumVersion: "1.0", advice: { timeout: 60000, interval: 0 } }));
    assert.equal(cometd.kind === "handshake" && cometd.cometd, true);
  });
});

describe("connect (7.3)", () => {
  const again = { reconnect: "handshake", interval: 0, timeout: 25_000 };
  const keep = { reconnect: "retry", interval: 5000, timeout: 25_000 };
  const refusals: [string, object, string, object][] = [
    ["66", {}, "402:clientId:Missing required parameter", again],
    ["67", { clientId: ["h1"] }, "401::Unknown client", again],
    ["67", { clientId: 5 }, "401:5:Unknown client", again],
    ["68", { clientId: H, connectionType: undefined }, "402:connectionType:Missing required parameter", keep],
    ["69", { clientId: H, connectionType: "iframe" }, "301:iframe:Connection types not supported", keep],
    ["69", { clientId: H, connectionType: {} }, "301::Connection types not supported", keep],
    ["66", { connectionType: undefined }, "402:connectionType:Missing required parameter", again],
  ];
  for (const [number, more, error, advice] of refusals) {
    test(`case ${number}: ${error}`, () => {
      const expected = { id: "1", channel: "/meta/connect", successful: false, error, advice };
      assert.deepEqual(refusal(connect(more)), expected);
    });
  }

  test("cases 61, 73: the client's timeout", () => {
    const timeout = (advice: unknown) => {
      const message = parse(connect({ clientId: H, advice }));
      assert.equal(message.kind, "connect");
      return message.timeout;
    };
    assert.equal(timeout({ timeout: 0 }), 0);
    assert.equal(timeout({ timeout: 1e12 }), 1e12);
    for (const nonsense of ["abc", -5, null, "0", Number.POSITIVE_INFINITY]) {
      assert.equal(timeout({ timeout: nonsense }), null);
    }
    for (const nonsense of [null, "x", [], undefined]) assert.equal(timeout(nonsense), null);
  });
});

describe("subscribe and unsubscribe (7.4)", () => {
  const refusals: [string, unknown, string, unknown][] = [
    ["88", "/meta/connect", "403:/meta/connect:Forbidden channel", "/meta/connect"],
    ["88", "/meta/**", "403:/meta/**:Forbidden channel", "/meta/**"],
    ["88", "/service/x", "403:/service/x:Forbidden channel", "/service/x"],
    ["88", "/service/*", "403:/service/*:Forbidden channel", "/service/*"],
    ["89", "/foo/", "405:/foo/:Invalid channel", "/foo/"],
    ["89", "/foo/*/bar", "405:/foo/*/bar:Invalid channel", "/foo/*/bar"],
    ["90", undefined, "402:subscription:Missing required parameter", []],
    ["90", null, "402:subscription:Missing required parameter", []],
    ["90", "", "402:subscription:Missing required parameter", []],
    ["93", ["/a", "/meta/x", "/c"], "403:/meta/x:Forbidden channel", ["/a", "/meta/x", "/c"]],
    ["94", 5, "405:5:Invalid channel", 5],
    ["94", {}, "405::Invalid channel", {}],
    ["94", ["/a", ["/b"]], "405::Invalid channel", ["/a", ["/b"]]],
  ];
  for (const [number, subscription, error, echo] of refusals) {
    for (const channel of ["/meta/subscribe", "/meta/unsubscribe"]) {
      test(`case ${number}: ${channel} ${error}`, () => {
        assert.deepEqual(refusal({ ...subscribe(subscription), channel }), {
          id: "1",
          channel,
          successful: false,
          subscription: echo,
          error,
        });
      });
    }
  }

  test("cases 84, 91, 92: names, arrays, echo", () => {
    for (const [subscription, names] of [
      ["/foo/*", ["/foo/*"]],
      [[], []],
      [
        ["/a", "/b"],
        ["/a", "/b"],
      ],
      [["/a", "/a"], ["/a"]],
    ] as const) {
      const message = parse(subscribe(subscription));
      assert.equal(message.kind, "subscribe");
      assert.deepEqual(message.subscriptions, names);
      assert.deepEqual(message.echo, subscription);
    }
  });

  test("cases 95, 96: no client, or one of the wrong type", () => {
    const error = (clientId: unknown) => refusal({ ...subscribe("/a"), clientId }).error;
    assert.equal(error(undefined), "402:clientId:Missing required parameter");
    assert.equal(error([H]), "401::Unknown client");
    assert.equal(error({}), "401::Unknown client");
    // Known or not is the session layer's to say.
    assert.equal(parse({ ...subscribe("/a"), clientId: "__proto__" }).kind, "subscribe");
  });

  test("case 101: a list of 100,000 costs no more than its limit", () => {
    const many = Array.from({ length: 100_000 }, (_, index) => `/c${index}`);
    assert.equal(refusal(subscribe(many)).error, "403:/c100:Too many subscriptions");
  });
});

describe("publish and disconnect (7.5, 7.6)", () => {
  test("case 103: any JSON value is data", () => {
    for (const data of [null, false, 0, "", [], {}]) {
      const message = parse({ ...publish("/a"), data });
      assert.equal(message.kind === "publish" && message.data, data);
    }
  });

  test("cases 104, 105: data and clientId are required", () => {
    assert.equal(refusal({ channel: "/a", clientId: H }).error, "402:data:Missing required parameter");
    assert.equal(refusal({ channel: "/a", data: 1 }).error, "402:clientId:Missing required parameter");
  });

  test("cases 107, 108: fields of a reply are neither read nor kept", () => {
    const message = parse({ ...publish("/a"), error: "x", successful: true, advice: {}, foo: 1 });
    assert.deepEqual(Object.keys(message).sort(), ["channel", "clientId", "data", "ext", "id", "kind"]);
  });

  test("case 109: /service is published like any other", () => {
    assert.equal(parse(publish("/service/x")).kind, "publish");
  });

  test("case 115: hostile keys are data", () => {
    const raw = JSON.parse(
      '{"channel":"/a","clientId":"h1","data":{"__proto__":{"x":1}},"ext":{"__proto__":{"y":1}}}',
    );
    const message = parse(raw);
    assert.equal(JSON.stringify(message.kind === "publish" && message.data), '{"__proto__":{"x":1}}');
    assert.equal(({} as Record<string, unknown>).x, undefined);
    assert.equal(({} as Record<string, unknown>).y, undefined);
  });

  test("case 123: disconnect", () => {
    const raw = { id: 3, channel: "/meta/disconnect" };
    assert.deepEqual(refusal(raw), {
      id: 3,
      channel: "/meta/disconnect",
      successful: false,
      error: "402:clientId:Missing required parameter",
    });
    assert.equal(parse({ ...raw, clientId: H }).kind, "disconnect");
  });

  test("ext is an object, whatever was sent", () => {
    for (const ext of [null, "x", [], 5, undefined]) {
      const message = parse({ ...publish("/a"), ext });
      assert.equal(message.kind === "publish" && typeof message.ext, "object");
      assert.equal(message.kind === "publish" && Object.keys(message.ext).length, 0);
    }
  });
});

const field = fc.oneof(
  fc.jsonValue(),
  fc.constantFrom<unknown>("/a", "/meta/connect", "__proto__", "1.0", ["/a", "/b"], ["websocket"]),
);
const almostMessage = fc.record(
  {
    channel: fc.oneof(
      fc.constantFrom(
        "/meta/handshake",
        "/meta/connect",
        "/meta/subscribe",
        "/meta/unsubscribe",
        "/meta/disconnect",
        "/a",
      ),
      field,
    ),
    clientId: field,
    connectionType: field,
    subscription: field,
    supportedConnectionTypes: field,
    version: field,
    advice: field,
    data: field,
    ext: field,
    id: field,
  },
  { requiredKeys: [] },
);

test("property: anything that is JSON is parsed or refused, never thrown at", () => {
  fc.assert(
    fc.property(fc.oneof(fc.jsonValue(), almostMessage), (raw) => {
      const message = parse(raw);
      if (message.kind !== "refused") return;
      assert.equal(message.reply.successful, false);
      assert.match(String(message.reply.error), /^\d{3}:[^:]*:[^:]+$/);
      JSON.stringify(message.reply);
    }),
    { numRuns: 2000 },
  );
});
