import assert from "node:assert/strict";
import { describe, test } from "node:test";
import fc from "fast-check";
import {
  DEFAULT_MESSAGE_LIMITS,
  DEFAULT_UNIT_LIMITS,
  joinUnits,
  parseMessage,
  parseUnit,
  Refused,
} from "../../src/bayeux/index.ts";

const LIMITS = { ...DEFAULT_UNIT_LIMITS, depth: 64, messageBytes: 1000, batch: 10 };

function unitOf(text: string): unknown[] {
  const parsed = parseUnit(text, LIMITS);
  assert.ok(parsed.ok);
  return parsed.unit;
}

function replyTo(item: unknown): Record<string, unknown> {
  const message = parseMessage(item, DEFAULT_MESSAGE_LIMITS);
  assert.equal(message.kind, "refused");
  return message.reply;
}

const nested = (levels: number) => `${"[".repeat(levels)}${"]".repeat(levels)}`;

describe("what is a unit (7.1)", () => {
  const accepted: [string, string, unknown[]][] = [
    ["20, 21", "[]", []],
    ["22", "{}", [{}]],
    ["23", '{"id":1}', [{ id: 1 }]],
    ["24", "null", []],
    ["25", '[null,{"id":1},null]', [{ id: 1 }]],
    ["26", '[1,"x",[]]', [1, "x", []]],
    ["32", '{"channel":"/a","channel":"/b"}', [{ channel: "/b" }]],
  ];
  for (const [number, text, unit] of accepted) {
    test(`case ${number}: ${text}`, () => assert.deepEqual(unitOf(text), unit));
  }
  for (const [number, text] of [
    ["27", "1"],
    ["27", '"x"'],
    ["27", "true"],
    ["28", "{bad"],
    ["30", ""],
    ["31", "\uFEFF[]"],
  ] as const) {
    test(`case ${number}: ${JSON.stringify(text)} is refused whole`, () => {
      assert.deepEqual(parseUnit(text, LIMITS), { ok: false, error: "400::Bad request" });
    });
  }
});

describe("one message's fault is its own (rule 19)", () => {
  test("case 35: the surplus is refused with its ids", () => {
    const items = Array.from({ length: 12 }, (_, id) => ({ id, channel: "/a" }));
    const unit = unitOf(JSON.stringify(items));
    assert.deepEqual(unit.slice(0, 10), items.slice(0, 10));
    assert.deepEqual(
      unit.slice(10).map(replyTo),
      [10, 11].map((id) => ({ id, channel: "/a", successful: false, error: "400::Too many messages" })),
    );
  });

  test("a surplus without ids is answered once", () => {
    assert.equal(unitOf(`[${Array(500).fill("1").join()}]`).length, 11);
  });

  test("case 116: 20,000 levels refuse one message", () => {
    const deep = `{"id":"7","channel":"/a","clientId":"h","data":${nested(20_000)}}`;
    const [bad, good] = unitOf(`[${deep},{"id":"8"}]`);
    assert.deepEqual(replyTo(bad), {
      id: "7",
      channel: "/a",
      successful: false,
      error: "400::Message nested too deeply",
    });
    assert.deepEqual(good, { id: "8" });
  });

  test("the message itself is the first level", () => {
    const padding = " ".repeat(200);
    assert.ok(!(unitOf(`${padding}{"data":${nested(63)}}`)[0] instanceof Refused));
    assert.ok(unitOf(`${padding}{"data":${nested(64)}}`)[0] instanceof Refused);
    assert.ok(unitOf(`${padding}{"data":${'{"a":'.repeat(64)}1${"}".repeat(64)}}`)[0] instanceof Refused);
  });

  test("case 117: too large, in bytes; its neighbours are not", () => {
    const large = { id: "7", channel: "/a", data: "é".repeat(500) };
    const [bad, good] = unitOf(JSON.stringify([large, { id: "8" }]));
    assert.equal(replyTo(bad).id, "7");
    assert.match(String(replyTo(bad).error), /^413::/);
    assert.deepEqual(good, { id: "8" });
  });

  test("case 193: ext counts", () => {
    assert.ok(unitOf(JSON.stringify({ ext: { x: "y".repeat(1000) } }))[0] instanceof Refused);
  });

  test("many small messages may be larger together", () => {
    const unit = unitOf(JSON.stringify(Array(10).fill({ data: "x".repeat(500) })));
    assert.ok(unit.every((item) => !(item instanceof Refused)));
  });

  test("a refused meta message has the reply its client needs", () => {
    const large = (fields: object) => replyTo(unitOf(JSON.stringify({ ...fields, x: "y".repeat(1000) }))[0]);
    const connect = large({ id: 1, channel: "/meta/connect" });
    assert.deepEqual(connect.advice, { reconnect: "retry", interval: 5000, timeout: 25_000 });
    const handshake = large({ id: 1, channel: "/meta/handshake" });
    assert.deepEqual(handshake.supportedConnectionTypes, DEFAULT_MESSAGE_LIMITS.types);
    assert.equal((handshake.advice as { reconnect: string }).reconnect, "none");
    assert.equal(large({ channel: "/meta/subscribe", subscription: "/a" }).subscription, "/a");
    assert.deepEqual(large({ channel: "/meta/unsubscribe", subscription: ["/a"] }).subscription, []);
  });

  test("nothing in JSON can pose as refused", () => {
    const [item] = unitOf(
      '{"id":1,"error":"400::x","constructor":{"name":"Refused"},"__proto__":{"error":"y"}}',
    );
    assert.ok(!(item instanceof Refused));
    assert.equal(replyTo(item).error, "402:data:Missing required parameter");
  });
});

test("case 128: the batch limit holds over several parameters", () => {
  const many = joinUnits([Array(6).fill({ id: 1 }), Array(6).fill({ id: 2 })], LIMITS);
  assert.equal(many.length, 12);
  assert.equal(many.filter((item) => item instanceof Refused).length, 2);
});

test("case 115: prototypes stay clean", () => {
  unitOf('[{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}]');
  assert.equal(({} as Record<string, unknown>).polluted, undefined);
});

test("case 119: values survive", () => {
  const text = '[{"data":["\\ud800","\u2028",0.1,12345678901234567890,"é"]}]';
  assert.equal(JSON.stringify(unitOf(text)), JSON.stringify(JSON.parse(text)));
});

test("property: every JSON text is a unit or refused", () => {
  fc.assert(
    fc.property(fc.json({ maxDepth: 8 }), (text) => {
      const parsed = parseUnit(text, LIMITS);
      if (parsed.ok) for (const item of parsed.unit) parseMessage(item, DEFAULT_MESSAGE_LIMITS);
    }),
    { numRuns: 500 },
  );
});

test("property: any text at all", () => {
  fc.assert(fc.property(fc.string(), (text) => void parseUnit(text, LIMITS)));
});
