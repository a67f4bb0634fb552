import assert from "node:assert/strict";
import { test } from "node:test";
import type { Clock } from "../../src/client/clock.ts";
import { bayeuxCode, errorOfAck, errorOfReply } from "../../src/client/errors.ts";
import { type Events, handlerFor } from "../../src/client/events.ts";
import { comeBackIn, retryDelay, TransportPolicy } from "../../src/client/policy.ts";
import { Positions } from "../../src/client/positions.ts";
import { Requests } from "../../src/client/requests.ts";
import type { Message } from "../../src/client/wire.ts";

test("positions: what is newer is kept, what is not is dropped", () => {
  const rows: [kept: string | null, comes: string, accepted: boolean][] = [
    [null, "a.1.1", true],
    ["a.1.1", "a.2.1", true],
    ["a.2.1", "a.2.1", false],
    ["a.2.1", "a.1.1", false],
    ["a.9.1", "a.10.1", true],
    // Another epoch: the log was replaced, offsets cannot be compared.
    ["a.9.1", "b.1.1", true],
  ];
  for (const [kept, comes, accepted] of rows) {
    const positions = new Positions();
    if (kept) positions.accept("t", kept);
    assert.equal(positions.accept("t", comes), accepted, `${kept} then ${comes}`);
    assert.deepEqual({ ...positions.toJSON() }, { t: accepted ? comes : kept });
  }
});

test("positions: entering does not jump over what is still on its way, nor over another log; leaving forgets", () => {
  const positions = new Positions();
  positions.begin("t", "a.5.5", "red");
  positions.begin("t", "a.9.9", "red");
  assert.deepEqual({ ...positions.toJSON() }, { t: "a.5.5" });
  positions.begin("t", "b.1.1", "red");
  assert.deepEqual({ ...positions.toJSON() }, { t: "a.5.5" });
  positions.leave("t");
  assert.deepEqual({ ...positions.toJSON() }, {});
});

test("positions: a topic may have any name", () => {
  const positions = new Positions();
  positions.accept("__proto__", "a.1.1");
  assert.equal(JSON.stringify(positions), '{"__proto__":"a.1.1"}');
});

test("retry: the first is fast, the ceiling grows to 5 s", () => {
  const rows: [attempt: number, random: number, ms: number][] = [
    [0, 0, 50],
    [0, 1, 500],
    [1, 1, 750],
    [2, 1, 1_125],
    [30, 1, 5_000],
    [30, 0, 50],
    [10_000, 1, 5_000],
  ];
  for (const [attempt, random, ms] of rows) {
    assert.equal(Math.round(retryDelay(attempt, () => random)), ms);
  }
});

test("retry: what the server asks for", () => {
  const rows: [interval: number, used: boolean, random: number, ms: number][] = [
    [0, true, 1, 500],
    // What stock clients must be told does not slow us down.
    [5_000, false, 1, 500],
    [20_000, false, 0, 10_000],
    [600_000, false, 1, 30_000],
    [15_000, true, 1, 2_000],
  ];
  for (const [interval, used, random, ms] of rows) {
    assert.equal(
      comeBackIn(0, interval, used, () => random),
      ms,
    );
  }
});

function clockAt(): Clock & { at: number } {
  return { at: 0, now: () => clock.at, setTimeout: () => 0, clearTimeout: () => {}, random: () => 0.5 };
}
let clock = clockAt();

test("transports: allowed ones in order of preference; what Faye would take before the first is left out", () => {
  const rows: [allowed: string[] | undefined, eligible: string[] | undefined][] = [
    [undefined, undefined],
    [
      ["websocket", "long-polling"],
      ["websocket", "long-polling"],
    ],
    [["long-polling", "websocket"], ["long-polling"]],
    [
      ["long-polling", "websocket", "callback-polling"],
      ["long-polling", "callback-polling"],
    ],
  ];
  clock = clockAt();
  for (const [allowed, eligible] of rows) {
    assert.deepEqual(new TransportPolicy(allowed, clock).eligible(), eligible);
  }
});

test("transports: three short lives ban the socket, longer each time; a long life forgives", () => {
  clock = clockAt();
  const policy = new TransportPolicy(undefined, clock);
  const rest = ["eventsource", "long-polling", "cross-origin-long-polling", "callback-polling"];
  const strike = () => policy.ended("websocket", 100, false);
  strike();
  strike();
  policy.ended("long-polling", 1, true);
  assert.equal(policy.eligible(), undefined);
  strike();
  assert.deepEqual(policy.eligible(), rest);
  clock.at = 60_000;
  assert.equal(policy.eligible(), undefined);
  for (let i = 0; i < 3; i += 1) strike();
  clock.at = 60_000 + 119_000;
  assert.deepEqual(policy.eligible(), rest);
  clock.at = 60_000 + 120_000;
  policy.ended("websocket", 60_000, true);
  strike();
  strike();
  assert.equal(policy.eligible(), undefined);
  const only = new TransportPolicy(["websocket"], clock);
  for (let i = 0; i < 3; i += 1) only.ended("websocket", 1, false);
  assert.deepEqual(only.eligible(), ["websocket"]);
  const mute = new TransportPolicy(["eventsource", "long-polling"], clock);
  mute.ended("eventsource", 15_000, true);
  assert.deepEqual(mute.eligible(), ["long-polling"]);
});

test("events: which handler", () => {
  const api = { api: () => {} };
  const rows: [message: Message, events: Events, handler: string][] = [
    [{ context: "user" }, api, "say"],
    [{ context: "api", welcome: "" }, api, "welcome"],
    [{ context: "api", gap: {} }, {}, "gap"],
    [{ context: "api", x: 1 }, api, "api"],
    [{ context: "api", x: 1 }, {}, "alert"],
    [{ context: "odd" }, api, "alert"],
    [{}, api, "alert"],
  ];
  for (const [message, events, handler] of rows) assert.equal(handlerFor(message, events), handler);
});

test("errors: from replies and from acknowledgements", () => {
  const replies: [reply: Message, isAction: boolean, code: string | null, text?: string][] = [
    [{ status: "OK" }, false, null],
    [{ status: "no such room" }, false, "error", "no such room"],
    [{ status: "x", error: "x", code: "y" }, false, "y", "x"],
    [{ status: "pending" }, true, null],
    [{ error: "it failed" }, true, "error", "it failed"],
    [{ error: null }, true, null],
  ];
  for (const [reply, isAction, code, text] of replies) {
    const error = errorOfReply(reply, isAction);
    assert.equal(error?.code ?? null, code);
    if (text) assert.equal(error?.message, text);
  }
  const broken = { context: "response", error: "broken", code: "internal_error", errorId: "e-1" };
  const error = errorOfReply(broken, true);
  assert.equal(error?.errorId, "e-1");
  assert.equal(error?.response, broken);
  assert.equal(errorOfReply({ error: "x" }, true)?.errorId, undefined);
  const acks: [error: string | undefined, code: string, text: string][] = [
    ["503::Away", "unavailable", "Away"],
    ["403:/x:Forbidden", "forbidden", "Forbidden"],
    ["plain text", "refused", "plain text"],
  ];
  for (const [error, code, text] of acks) {
    assert.equal(errorOfAck(error).code, code);
    assert.equal(errorOfAck(error).message, text);
  }
  assert.equal(bayeuxCode(undefined), 0);
});

test("requests: a say that never gets its turn ends as unavailable, whatever the numbers are", () => {
  const requests = new Requests(10, "x-");
  const ended: unknown[] = [];
  requests.entered("room", 0, "e.0.0");
  requests.add("say", { event: "say", message: "hello" }, false, (error) => ended.push(error?.code));
  for (let sends = 0; sends < 12; sends += 1) {
    const [sent, ...more] = requests.take("room", false);
    assert.equal(more.length, 0);
    requests.acknowledged(sent!.request, { channel: "/line", successful: true });
    if (sends === 11) break;
    requests.lost();
    requests.resumed({ room: "room", last: 0, position: "e.0.0" });
  }
  const missing = { status: "an earlier one is missing", error: "an earlier one is missing" };
  requests.answered({ messageId: "x-1", context: "response", ...missing, code: "earlier_missing" });
  assert.deepEqual(ended, ["unavailable"]);
});

test("requests: nobody knows of a say that was under way when its log was lost; one that was sent into the next log is asked for there", () => {
  const requests = new Requests(10, "x-");
  const ended: unknown[] = [];
  const say = (message: string): void =>
    requests.add("say", { event: "say", message }, false, (error) => ended.push([message, error?.code]));
  requests.entered("room", 4, "old.9.9");
  say("before");
  requests.take("room", false);
  requests.numbers.hear("room", "new");
  say("after");
  requests.take("room", false);
  requests.lost();
  requests.resumed({ room: "room", last: 4, position: "new.1.1" });
  assert.deepEqual(ended, [["before", "outcome_unknown"]]);
  const [again] = requests.take("room", false);
  assert.deepEqual([again?.request.data.message, again?.request.n], ["after", 6]);
});
