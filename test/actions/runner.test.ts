import assert from "node:assert/strict";
import { test } from "node:test";
import * as v from "valibot";
import { z } from "zod";
import {
  type Action,
  ActionError,
  type ActionOutcome,
  defineAction,
  tooManyPending,
} from "../../src/actions/index.ts";
import { Refusal } from "../../src/hooks.ts";
import { bench } from "./fakes.ts";

const add = defineAction({
  name: "add",
  description: "adds two numbers",
  inputs: z.object({ a: z.coerce.number(), b: z.coerce.number() }),
  run: ({ params }) => ({ sum: params.a + params.b }),
});

const echo = defineAction({
  name: "echo",
  description: "returns its params",
  run: ({ params }) => ({ echo: params }),
});

const action = (run: Action["run"], more: Partial<Action> = {}): Action =>
  defineAction({ name: "it", description: "under test", run, ...(more as object) });

const failed = (outcome: ActionOutcome) => {
  assert.ok(!outcome.ok, "was expected to fail");
  return outcome.failure;
};

const answered = (outcome: ActionOutcome) => {
  assert.ok(outcome.ok, JSON.stringify(outcome));
  return outcome.response;
};

test("an action gets validated params and answers an object", async () => {
  assert.deepEqual(answered(await bench([add]).ask("add", { a: "1", b: 2 })), { sum: 3 });
});

test("any Standard Schema library will do", async () => {
  const shout = defineAction({
    name: "shout",
    description: "in capitals",
    inputs: v.object({ text: v.pipe(v.string(), v.nonEmpty("say something")) }),
    run: ({ params }) => ({ text: params.text.toUpperCase() }),
  });
  const { ask } = bench([shout]);
  assert.deepEqual(answered(await ask("shout", { text: "hey" })), { text: "HEY" });
  assert.deepEqual(failed(await ask("shout", { text: "" })).details, {
    issues: [{ path: ["text"], message: "say something" }],
  });
});

test("a schema may be asynchronous", async () => {
  const inputs = z.object({ n: z.string().refine(async (n) => n === "free", "taken") });
  const { ask } = bench([defineAction({ name: "it", description: "", inputs, run: () => ({}) })]);
  assert.deepEqual(answered(await ask("it", { n: "free" })), {});
  assert.equal(failed(await ask("it", { n: "x" })).message, "invalid inputs: n: taken");
});

test("invalid inputs: 422, and where they are wrong", async () => {
  const failure = failed(await bench([add]).ask("add", { a: "x", b: 2 }));
  assert.equal(failure.code, "invalid_inputs");
  assert.equal(failure.status, 422);
  assert.match(failure.message, /^invalid inputs: a: .*number/);
  const { issues } = failure.details as { issues: { path: unknown; message: string }[] };
  assert.deepEqual(
    issues.map(({ path }) => path),
    [["a"]],
  );
});

for (const name of ["nope", "__proto__", "constructor", "", null, undefined, 3, {}, ["add"]]) {
  test(`unknown action: ${JSON.stringify(name) ?? "undefined"}`, async () => {
    const failure = failed(await bench([add]).ask(name));
    assert.equal(failure.code, "unknown_action");
    assert.equal(failure.status, 404);
    assert.match(failure.message, /is not a known action or that is not a valid apiVersion/);
    if (name) return;
    assert.match(failure.message, /^an action without a name is/);
  });
}

test("action and apiVersion are not the action's params", async () => {
  const params = { action: "echo", apiVersion: "1", x: 1 };
  assert.deepEqual(answered(await bench([echo]).ask("echo", params)), { echo: { x: 1 } });
});

test("__proto__ and friends are data", async () => {
  const params = JSON.parse('{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}}}');
  const response = answered(await bench([echo]).ask("echo", params));
  assert.equal(JSON.stringify(response.echo), JSON.stringify(params));
  assert.equal(Reflect.get(Object(response.echo), "polluted"), undefined);
  assert.equal(Reflect.get({}, "polluted"), undefined);
});

test("versions: the one asked for, else the newest by number", async () => {
  const of = (version: string | number) =>
    defineAction({ name: "v", description: "", version, run: () => ({ version }) });
  const { ask } = bench([of(10), of("2"), of("1")]);
  assert.deepEqual(answered(await ask("v")), { version: 10 });
  assert.deepEqual(answered(await ask("v", { apiVersion: 2 })), { version: "2" });
  assert.equal(failed(await ask("v", { apiVersion: "3" })).code, "unknown_action");
});

test("two actions of one name and version are refused", () => {
  assert.throws(() => bench([echo, echo]), /two actions are named "echo" \(version 1\)/);
});

test("an ActionError answers its own code, message, details and status", async () => {
  const { ask } = bench([
    action(() => {
      throw new ActionError("sold_out", "no seats left", { seats: 0 }, { status: 410 });
    }),
  ]);
  assert.deepEqual(failed(await ask("it")), {
    code: "sold_out",
    message: "no seats left",
    details: { seats: 0 },
    status: 410,
  });
});

test("an ActionError has status 400 unless it names one, and refuses what is no status", () => {
  assert.equal(new ActionError("x", "y").status, 400);
  assert.throws(() => new ActionError("x", "y", undefined, { status: 200 }), /400 to 599, got 200/);
  assert.throws(() => new ActionError("", "y"), /must be a text that is not empty/);
});

test("any other throw is an internal error: generic outside, whole in the log, under one id", async () => {
  const { ask, lines } = bench([
    action(async () => {
      throw new Error("password of the database: hunter2");
    }),
  ]);
  const failure = failed(await ask("it"));
  assert.equal(failure.message, "the server experienced an internal error");
  assert.equal(failure.code, "internal_error");
  assert.equal(failure.status, 500);
  assert.doesNotMatch(JSON.stringify(failure), /hunter2/);
  assert.equal(lines.length, 1);
  assert.equal(lines[0]!.fields.errorId, failure.errorId);
  assert.match(lines[0]!.message, /hunter2/);
});

for (const thrown of [undefined, null, "text", 3, Object.create(null)]) {
  test(`even a throw of ${typeof thrown} ${thrown === null ? "null" : ""} is answered`, async () => {
    const { ask } = bench([
      action(() => {
        throw thrown;
      }),
    ]);
    assert.equal(failed(await ask("it")).code, "internal_error");
  });
}

test("a schema that throws is an internal error", async () => {
  const inputs = z.string().transform(() => {
    throw new Error("bug");
  });
  const { ask } = bench([
    defineAction({ name: "it", description: "", inputs: z.object({ a: inputs }), run: () => ({}) }),
  ]);
  assert.equal(failed(await ask("it", { a: "" })).code, "internal_error");
});

const circular: Record<string, unknown> = {};
circular.self = circular;
const badResponses: [name: string, response: unknown, said: RegExp][] = [
  ["a text", "x", /plain object, got string/],
  ["null", null, /plain object, got null/],
  ["a list", [], /plain object, got a list/],
  ["an instance", new Date(), /plain object, got a Date/],
  ["a bigint inside", { a: { b: [1n] } }, /a\.b\[0\] is a bigint/],
  ["a function inside", { a: () => 1 }, /a is a function/],
  ["a circle", circular, /self refers back/],
  ["a Map inside", { m: new Map() }, /m is a Map/],
  ["a promise inside", { p: Promise.resolve() }, /p is a promise: await it/],
];

for (const [name, response, said] of badResponses) {
  test(`a response that JSON cannot carry is an internal error, explained in the log: ${name}`, async () => {
    const { ask, lines } = bench([action(() => response)]);
    assert.equal(failed(await ask("it")).code, "internal_error");
    assert.match(lines[0]!.message, said);
  });
}

test("a response may hold dates, nulls, undefined, and the same object twice; nothing at all is {}", async () => {
  const same = { n: 1 };
  const response = { at: new Date(0), none: null, not: undefined, one: same, two: same };
  assert.equal(answered(await bench([action(() => response)]).ask("it")), response);
  assert.deepEqual(answered(await bench([action(() => undefined)]).ask("it")), {});
});

test("an action that takes too long is answered action_timeout, and its signal is aborted", async () => {
  let signal: AbortSignal | undefined;
  const slow = action(
    (call) => {
      signal = call.signal;
      return new Promise(() => {});
    },
    { timeout: 10 },
  );
  const failure = failed(await bench([slow]).ask("it"));
  assert.equal(failure.code, "action_timeout");
  assert.equal(failure.status, 504);
  assert.equal(failure.message, "the action took longer than 10 ms");
  assert.equal(signal?.aborted, true);
});

test("general.actionTimeout counts where the action has none of its own", async () => {
  const { ask } = bench([action(() => new Promise(() => {}))], {}, { general: { actionTimeout: 10 } });
  assert.equal(failed(await ask("it")).code, "action_timeout");
});

test("what fails after its caller was answered is logged, not unhandled", async () => {
  let end: (error: Error) => void = () => {};
  const work = new Promise((_, reject) => {
    end = reject;
  });
  const { ask, lines } = bench([action(() => work, { timeout: 5 })]);
  assert.equal(failed(await ask("it")).code, "action_timeout");
  end(new Error("too late"));
  await new Promise(setImmediate);
  assert.match(lines[0]!.message, /failed after its caller was answered/);
});

test("when the node stops waiting the outcome is unknown", async () => {
  const controller = new AbortController();
  const outcome = bench([action(() => new Promise(() => {}))]).ask("it", {}, { signal: controller.signal });
  controller.abort();
  assert.equal(failed(await outcome).code, "outcome_unknown");
});

test("what has not begun when the node stops is surely not done", async () => {
  const it = action(() => assert.fail("it was begun"));
  const failure = failed(await bench([it]).ask("it", {}, { signal: AbortSignal.abort() }));
  assert.deepEqual([failure.code, failure.status], ["unavailable", 503]);

  const controller = new AbortController();
  let go = (): void => {};
  const beforeAction = () =>
    new Promise<void>((resolve) => {
      go = resolve;
    });
  const outcome = bench([it], { beforeAction }).ask("it", {}, { signal: controller.signal });
  await new Promise(setImmediate);
  controller.abort();
  assert.equal(failed(await outcome).code, "unavailable");
  go();
  await new Promise(setImmediate);
});

test("idempotencyKey is the caller's, or one of its own", async () => {
  const { ask } = bench([action(({ idempotencyKey }) => ({ idempotencyKey }))]);
  assert.deepEqual(answered(await ask("it", {}, { idempotencyKey: "k" })), { idempotencyKey: "k" });
  assert.match(String(answered(await ask("it")).idempotencyKey), /^[\da-f-]{36}$/);
});

test("around an action: hook, middleware, action, middleware turned round, hook", async () => {
  const order: string[] = [];
  const around = (name: string) => ({
    before: () => void order.push(`before ${name}`),
    after: () => void order.push(`after ${name}`),
  });
  const it = action(
    () => {
      order.push("run");
      return {};
    },
    { middleware: [around("1"), around("2")] },
  );
  const hooks = {
    beforeAction: () => void order.push("hook before"),
    afterAction: () => void order.push("hook after"),
  };
  answered(await bench([it], hooks).ask("it"));
  assert.deepEqual(order, ["hook before", "before 1", "before 2", "run", "after 2", "after 1", "hook after"]);
});

test("what comes after may replace the response, and is held to the same rules", async () => {
  const it = action(() => ({ n: 1 }), { middleware: [{ after: ({ response }) => ({ ...response, m: 2 }) }] });
  const hooks = { afterAction: ({ response }: { response: object }) => ({ ...response, o: 3 }) };
  assert.deepEqual(answered(await bench([it], hooks).ask("it")), { n: 1, m: 2, o: 3 });
  const bad = { afterAction: () => ({ n: 1n }) };
  assert.equal(failed(await bench([it], bad).ask("it")).code, "internal_error");
});

test("what comes before sees valid params and may end it", async () => {
  let ran = false;
  const hooks = {
    beforeAction: ({ params }: { params: unknown }) => {
      assert.deepEqual(params, { a: 1, b: 2 });
      throw new Refusal("members only");
    },
  };
  const counted: Action = {
    ...add,
    run() {
      ran = true;
      return { sum: 0 };
    },
  };
  const failure = failed(await bench([counted], hooks).ask("add", { a: "1", b: "2" }));
  assert.deepEqual(failure, { code: "refused", message: "members only", status: 403 });
  assert.equal(ran, false);
});

test("promises about repeating", () => {
  const { runner } = bench([echo, action(() => ({}), { idempotent: true, journal: true })]);
  assert.deepEqual(runner.promises("it"), { idempotent: true, journal: true, timeout: 30_000 });
  assert.deepEqual(runner.promises("echo"), { idempotent: false, journal: false, timeout: 30_000 });
  assert.equal(runner.promises("nope"), null);
  assert.equal(runner.promises("echo", "9"), null);
});

test("the failure of one action too many", () => {
  assert.deepEqual(tooManyPending, {
    code: "too_many_pending",
    status: 429,
    message: "you have too many pending requests",
  });
});
