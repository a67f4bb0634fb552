import assert from "node:assert/strict";
import { test } from "node:test";
import { jsonWith } from "../../src/json.ts";

const LAST = { context: "response", messageCount: 7 };

const read = (value: object, last: Readonly<Record<string, unknown>> = LAST): unknown =>
  JSON.parse(jsonWith(value, last));

test("fields are written behind those of an object", () => {
  assert.equal(
    jsonWith({ a: [1, { b: 2 }] }, LAST),
    '{"a":[1,{"b":2}],"context":"response","messageCount":7}',
  );
  assert.deepEqual(read({}), LAST);
  assert.deepEqual(read({ a: undefined }), LAST);
  assert.deepEqual(read({ a: 1 }, { b: undefined }), { a: 1 });
});

test("they overrule its own, and no name is written twice", () => {
  assert.equal(jsonWith({ context: "mine", a: 1 }, LAST), '{"context":"response","a":1,"messageCount":7}');
  assert.deepEqual(read({ messageId: "mine" }, { messageId: undefined }), {});
});

test("`__proto__` is a name like any other", () => {
  const value = JSON.parse('{"__proto__":{"context":"inherited"}}') as object;
  assert.equal(
    jsonWith(value, LAST),
    '{"__proto__":{"context":"inherited"},"context":"response","messageCount":7}',
  );
});

test("what `toJSON` turns into something else than an object has no fields of its own", () => {
  assert.deepEqual(read({ toJSON: () => "text" }), LAST);
  assert.deepEqual(read({ toJSON: () => undefined }), LAST);
  assert.deepEqual(read({ toJSON: () => ({ a: 1 }) }), { a: 1, ...LAST });
});
