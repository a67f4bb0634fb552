import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { test } from "node:test";
import fc from "fast-check";
import * as bayeux from "../../src/bayeux/index.ts";

// The stock client's own idea of a readable error.
const grammar = createRequire(import.meta.url)("faye/src/protocol/grammar.js") as { ERROR: RegExp };

test("the shapes that clients know", () => {
  assert.equal(bayeux.unknownClient("abc"), "401:abc:Unknown client");
  assert.equal(bayeux.missing("data"), "402:data:Missing required parameter");
  assert.equal(bayeux.forbidden("/meta/foo"), "403:/meta/foo:Forbidden channel");
  assert.equal(bayeux.invalidChannel("foo"), "405:foo:Invalid channel");
  assert.equal(bayeux.invalidChannel(""), "405::Invalid channel");
  assert.equal(bayeux.badRequest(), "400::Bad request");
  assert.equal(bayeux.tooManyMessages(), "400::Too many messages");
  assert.equal(bayeux.tooManySubscriptions("/a"), "403:/a:Too many subscriptions");
  assert.equal(
    bayeux.connectionTypes(["iframe", "flash"]),
    "301:iframe,flash:Connection types not supported",
  );
  assert.equal(bayeux.versionMismatch("9.9"), "300:9.9:Version mismatch");
  assert.equal(bayeux.internal(), "500::Internal server error");
  assert.match(bayeux.unavailable(), /^503::/);
  assert.match(bayeux.outcomeUnknown(), /^504::/);
  assert.match(bayeux.messageTooLarge(), /^413::/);
  assert.match(bayeux.rateLimited(), /^429::/);
  assert.equal(bayeux.denied(), "403::Forbidden");
});

test("an argument cannot break the form (case 11)", () => {
  assert.equal(bayeux.invalidChannel("/foo?x"), "405:/foo_x:Invalid channel");
  assert.equal(bayeux.invalidChannel("a:b,c"), "405:a_b_c:Invalid channel");
  assert.equal(bayeux.denied("no, it's: closed"), "403::no_ it_s_ closed");
});

test("arguments are cut (cases 47, 191, 192)", () => {
  assert.ok(bayeux.unknownClient("x".repeat(1_000_000)).length < 200);
  assert.equal(bayeux.connectionTypes(Array(10_000).fill("t")).split(",").length, 8);
});

test("every row of the table is readable by the stock client", () => {
  for (const row of Object.values(bayeux.ERRORS)) {
    assert.match(bayeux.bayeuxError(row.code, ["/a"], row.text), grammar.ERROR);
    assert.ok(row.meaning.length > 0);
  }
});

test("whatever the arguments, the stock client reads the code", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 100, max: 599 }),
      fc.array(fc.string()),
      fc.string(),
      (code, args, text) => {
        const error = bayeux.bayeuxError(code, args, text);
        assert.match(error, grammar.ERROR);
        assert.equal(error.slice(0, 3), String(code));
      },
    ),
  );
});

test("advice is always the full triple (rule 1)", () => {
  assert.deepEqual(bayeux.retry(25_000), { reconnect: "retry", interval: 0, timeout: 25_000 });
  assert.deepEqual(bayeux.retry(25_000, 5000, 120_000), {
    reconnect: "retry",
    interval: 5000,
    timeout: 25_000,
    maxInterval: 120_000,
  });
  for (const advice of [bayeux.handshakeAgain(), bayeux.none()]) {
    assert.deepEqual(Object.keys(advice), ["reconnect", "interval", "timeout"]);
  }
});
