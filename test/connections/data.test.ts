/** `connection.data`: what may be set in it, of a connection and of one HTTP request alike. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { guardedData, replaceData } from "../../src/data.ts";

function some(): { data: Record<string, unknown>; changes: () => number } {
  let changes = 0;
  const data = guardedData({}, () => {
    changes += 1;
  });
  return { data, changes: () => changes };
}

const circular: Record<string, unknown> = {};
circular.self = { circular };

const refused: [name: string, value: unknown, said: RegExp][] = [
  ["a function", () => 1, /connection\.data\.x must be .* not function/],
  ["a BigInt", 1n, /not bigint/],
  ["NaN", Number.NaN, /not number/],
  ["a Date", new Date(0), /not Date/],
  ["a Map, deep inside", { deep: [new Map()] }, /connection\.data\.x\.deep\[0\] must be .* not Map/],
  ["nothing in a list", [undefined], /connection\.data\.x\[0\] .* not undefined/],
  ["what contains itself", circular, /refers back to an object that contains it/],
];

for (const [name, value, said] of refused) {
  test(`refused where it is set: ${name}`, () => {
    const { data, changes } = some();
    assert.throws(
      () => {
        data.x = value;
      },
      { name: "TypeError", message: said },
    );
    assert.throws(() => replaceData(data, { x: value }), TypeError);
    assert.deepEqual([{ ...data }, changes()], [{}, 0]);
  });
}

test("undefined deletes, a field that is undefined is none", () => {
  const { data } = some();
  data.a = 1;
  data.a = undefined;
  data.b = { c: undefined, d: 1 };
  assert.equal(JSON.stringify(data), '{"b":{"d":1}}');
  assert.equal("a" in data, false);
});

test("what is changed inside is checked and told, lists too", () => {
  const { data, changes } = some();
  data.list = [{ n: 1 }];
  const list = data.list as unknown[];
  list.push({ n: 2 });
  (list[0] as { n: number }).n = 3;
  assert.throws(() => list.push(new Date(0)), TypeError);
  assert.equal(JSON.stringify(data), '{"list":[{"n":3},{"n":2}]}');
  assert.ok(changes() >= 3);
  list.length = 0;
  assert.equal(JSON.stringify(data), '{"list":[]}');
});

test("replaced as a whole: by a copy, also by itself, and by nothing but an object", () => {
  const { data } = some();
  const given = { a: { b: 1 }, c: 2 };
  replaceData(data, given);
  given.a.b = 2;
  replaceData(data, data);
  assert.deepEqual({ ...data }, { a: { b: 1 }, c: 2 });
  for (const value of ["text", null, [1], 5, undefined])
    assert.throws(() => replaceData(data, value), /connection\.data must be an object/);
});
