import assert from "node:assert/strict";
import { test } from "node:test";
import * as v from "valibot";
import { z } from "zod";
import { type ActionTypes, defineAction, errorTable, failure, isAction } from "../../src/actions/index.ts";
import { errorReference } from "../../src/actions/reference.ts";
import { assertPage } from "../config/docs.ts";
import { bench } from "./fakes.ts";

const run = () => ({});

const add = defineAction({
  name: "add",
  description: "adds two numbers",
  inputs: z.object({ a: z.coerce.number().describe("the first"), b: z.number().optional() }),
  outputExample: { sum: 3 },
  run: ({ params }) => ({ sum: params.a + (params.b ?? 0) }),
});

test("documentation has the traditional shape: action, version, what it is", () => {
  const old = defineAction({
    name: "add",
    description: "old",
    version: "0.9",
    inputs: v.object({ a: v.string() }),
    run,
  });
  const { runner } = bench([add, old]);
  assert.deepEqual(JSON.parse(JSON.stringify(runner.documentation())), {
    add: {
      "0.9": {
        name: "add",
        version: "0.9",
        description: "old",
        inputs: {},
        idempotent: false,
        journal: false,
      },
      "1": {
        name: "add",
        version: "1",
        description: "adds two numbers",
        inputs: {
          a: { required: true, type: "number", description: "the first" },
          b: { required: false, type: "number" },
        },
        outputExample: { sum: 3 },
        idempotent: false,
        journal: false,
      },
    },
  });
  assert.deepEqual(
    runner.list().map(({ name, version }) => `${name} ${version}`),
    ["add 0.9", "add 1"],
  );
});

test("inputs that have no JSON Schema do not break the documentation", () => {
  const odd = defineAction({
    name: "odd",
    description: "",
    inputs: z.object({ at: z.date(), big: z.bigint(), up: z.string().transform((s) => s.length) }),
    run,
  });
  assert.deepEqual(Object.keys(bench([odd]).runner.list()[0]!.inputs), ["at", "big", "up"]);
});

test("types reach a client from the actions alone", () => {
  type Types = ActionTypes<[typeof add]>;
  const input: Types["add"]["input"] = { a: 1 };
  const output: Types["add"]["output"] = { sum: 1 };
  assert.deepEqual([input, output], [{ a: 1 }, { sum: 1 }]);
});

const wrong: [name: string, definition: object, said: RegExp][] = [
  ["no name", { description: "", run }, /action without a name: `name` must be/],
  [
    "a name with a slash",
    { name: "a/b", description: "", run },
    /action "a\/b": `name` must be .* got "a\/b"/,
  ],
  ["no description", { name: "x", run }, /`description` must be a text/],
  ["no run", { name: "x", description: "" }, /`run` must be a function/],
  [
    "inputs that are no schema",
    { name: "x", description: "", run, inputs: { a: 1 } },
    /Standard Schema library/,
  ],
  [
    "a timeout of none",
    { name: "x", description: "", run, timeout: 0 },
    /`timeout` must be milliseconds above 0, got 0/,
  ],
  ["a key that is not known", { name: "x", description: "", run, input: 1 }, /has `name`, .*got "input"/],
  ["a version with a space", { name: "x", description: "", run, version: "a b" }, /`version` must be/],
  [
    "middleware that is no list",
    { name: "x", description: "", run, middleware: run },
    /`middleware` must be a list/,
  ],
];

for (const [name, definition, said] of wrong) {
  test(`refused when defined: ${name}`, () => {
    assert.throws(() => defineAction(definition as Parameters<typeof defineAction>[0]), {
      name: "TypeError",
      message: said,
    });
  });
}

test("isAction knows what defineAction made", () => {
  assert.ok(isAction(add));
  for (const other of [null, undefined, run, {}, { name: "x", run }]) assert.ok(!isAction(other));
});

test("a message fills its braces with the values it is given", () => {
  assert.equal(
    failure("body_too_large", { values: { limit: 10 } }).message,
    "the body is larger than 10 bytes",
  );
});

test("docs/errors.md is what the table says", async () => {
  for (const [code, { status }] of Object.entries(errorTable)) {
    assert.match(code, /^[a-z_]+$/);
    assert.ok(status >= 400 && status < 600);
  }
  await assertPage("errors.md", errorReference());
});
