import assert from "node:assert/strict";
import { test } from "node:test";
import { connected, outcome, world } from "./world.ts";

test("connect: welcome, details, callback; state, id, room and transport are set", async (t) => {
  const w = world(t);
  let details: unknown;
  assert.equal(w.client.state, "disconnected");
  w.client.connect((error, reply) => {
    assert.equal(error, null);
    details = reply;
  });
  assert.equal(w.client.state, "connecting");
  await w.tick(100);
  assert.equal(w.client.state, "connected");
  assert.deepEqual(w.names(), ["welcome", "connect"]);
  assert.equal((details as { data: { id: string } }).data.id, w.client.id);
  assert.equal((details as { context: string }).context, "response");
  assert.equal(w.client.room, "defaultRoom");
  assert.equal(w.client.transport, "websocket");
});

test("connect again gives the same outcome, without another session", async (t) => {
  const w = world(t);
  const first = w.client.connect();
  const second = w.client.connect();
  await w.tick(100);
  assert.equal(await first, await second);
  assert.equal(await w.client.connect(), await first);
  assert.equal(w.server.connections.size, 1);
});

test("answers are matched by messageId, in whatever order they come", async (t) => {
  const w = world(t);
  await connected(w);
  const waiting: { channel: string; data: { messageId: string } }[] = [];
  w.server.before = (message) => {
    if (message.data?.event !== "action") return false;
    waiting.push(message as never);
    return [{ channel: message.channel, id: message.id!, successful: true }];
  };
  const one = outcome(w.client.action("one"));
  const two = outcome(w.client.action("two", { a: 1 }));
  await w.tick(10);
  for (const { data } of waiting.reverse()) {
    w.server.tell(w.server.only(), { context: "response", messageId: data.messageId, echo: data });
  }
  await w.tick(10);
  assert.equal((one.reply!.echo as { params: { action: string } }).params.action, "one");
  assert.deepEqual((two.reply!.echo as { params: object }).params, { a: 1, action: "two" });
});

test("a refused action is an error with code and details, and the reply beside it", async (t) => {
  const w = world(t);
  await connected(w);
  let seen: { code?: string; details?: unknown; reply?: unknown } = {};
  w.client.action("fail", (error, reply) => {
    seen = { code: error?.code ?? "", details: error?.details, reply };
  });
  await w.tick(10);
  assert.equal(seen.code, "my_code");
  assert.deepEqual(seen.details, { why: 1 });
  assert.equal((seen.reply as { error: string }).error, "it failed");
});

test("says are numbered from 1 and pipelined", async (t) => {
  const w = world(t);
  await connected(w);
  const all = ["a", "b", "c"].map((text) => outcome(w.client.say(text)));
  await w.tick(20);
  assert.deepEqual(
    w.server.heard.map(({ message }) => message),
    ["a", "b", "c"],
  );
  assert.ok(all.every(({ reply }) => reply?.status === "OK"));
  const stamps = w.server.log.filter((m) => m.data?.event === "say").map((m) => m.ext?.actionwire);
  assert.deepEqual(
    stamps,
    [1, 2, 3].map((n) => ({ room: "defaultRoom", n })),
  );
});

test("a verb waits for the says before it, and holds what comes behind it", async (t) => {
  const w = world(t);
  await connected(w);
  w.server.log.length = 0;
  w.client.say("in the first");
  w.client.roomChange("second");
  w.client.say("in the second");
  w.client.listenToRoom("third");
  w.client.say("still in the second");
  await w.tick(50);
  assert.deepEqual(
    w.server.heard.map(({ room, message }) => [room, message]),
    [
      ["defaultRoom", "in the first"],
      ["second", "in the second"],
      ["second", "still in the second"],
    ],
  );
  const verbs = w.server.log.filter((m) => m.ext?.actionwire?.n && m.data?.event !== "say");
  assert.deepEqual(
    verbs.map((m) => [m.data?.event, m.ext?.actionwire]),
    [
      ["roomChange", { n: 1 }],
      ["listenToRoom", { n: 2 }],
    ],
  );
  assert.equal(w.client.room, "second");
});

test("a refused say leaves no hole for the ones behind it", async (t) => {
  const w = world(t);
  await connected(w);
  const said = ["a", "refuse me", "b", "c"].map((text) => outcome(w.client.say(text)));
  await w.tick(1_000);
  assert.equal(said[1]?.code, "not_allowed");
  assert.deepEqual(
    w.server.heard.map(({ message }) => message),
    ["a", "b", "c"],
  );
  assert.equal(said[3]?.reply?.status, "OK");
});

test("503 says surely not done; 504 is sent again under the same number", async (t) => {
  const w = world(t);
  await connected(w);
  let refuse = "503::Unavailable";
  let left = 1;
  w.server.before = (m) => {
    if (m.data?.event !== "say" || left === 0) return false;
    left -= 1;
    return [{ channel: m.channel, id: m.id!, successful: false, error: refuse }];
  };
  const one = outcome(w.client.say("one"));
  await w.tick(100);
  assert.equal(one.code, "unavailable");
  refuse = "504::Unknown";
  left = 2;
  const two = outcome(w.client.say("two"));
  const three = outcome(w.client.say("three"));
  await w.tick(2_000);
  assert.equal(two.reply?.status, "OK");
  assert.equal(three.reply?.status, "OK");
  assert.deepEqual(
    w.server.heard.map(({ message }) => message),
    ["two", "three"],
  );
});

test("a say does not land in another room when the roomChange before it is refused", async (t) => {
  const w = world(t);
  await connected(w);
  const change = outcome(w.client.roomChange("forbidden"));
  const say = outcome(w.client.say("for their eyes only"));
  await w.tick(50);
  assert.equal(change.code, "not_authorized");
  assert.equal(say.code, "wrong_room");
  const next = outcome(w.client.say("hello"));
  await w.tick(50);
  assert.equal(next.reply?.status, "OK");
  assert.deepEqual(
    w.server.heard.map(({ message }) => message),
    ["hello"],
  );
});

for (const [error, code] of [
  ["503::Unavailable", "unavailable"],
  ["429::Too many requests", "rate_limited"],
  ["500::Internal", "outcome_unknown"],
  ["504::Unknown", "outcome_unknown"],
] as const) {
  test(`a say does not land in the room before when the roomChange ends with ${error}`, async (t) => {
    const w = world(t);
    await connected(w);
    let entered = false;
    w.server.before = (m) => {
      if (m.data?.event !== "roomChange") return false;
      // Of an unknown outcome it may be either.
      const connection = w.server.only();
      if (code === "outcome_unknown" && !entered) {
        connection.room = "elsewhere";
        connection.joinedAt.set("elsewhere", 0);
        entered = true;
      }
      return [{ channel: m.channel, id: m.id!, successful: false, error }];
    };
    const change = outcome(w.client.roomChange("elsewhere"));
    const says = ["one", "two"].map((text) => outcome(w.client.say(text)));
    await w.tick(60_000);
    assert.equal(change.code, code);
    for (const say of says) assert.equal(say.code, "wrong_room");
    assert.equal(w.server.heard.length, 0);
    w.server.before = () => false;
    const next = outcome(w.client.say("where am I"));
    await w.tick(2_000);
    assert.equal(next.reply?.status, "OK");
    const room = code === "outcome_unknown" ? "elsewhere" : "defaultRoom";
    assert.equal(w.client.room, room);
    assert.deepEqual(
      w.server.heard.map((said) => said.room),
      [room],
    );
  });
}

test("rebuilt: what was refused with the session before is not said in another room where its own cannot be entered", async (t) => {
  const w = world(t);
  await connected(w);
  const change = outcome(w.client.roomChange("den"));
  await w.tick(50);
  assert.equal(change.reply?.status, "OK");
  w.server.forget();
  w.server.before = (m) =>
    m.data?.event === "roomChange"
      ? [{ channel: m.channel, id: m.id!, successful: false, error: "403::Forbidden" }]
      : false;
  const say = outcome(w.client.say("for the den"));
  await w.tick(30_000);
  assert.equal(say.code, "wrong_room");
  assert.deepEqual(w.server.heard, []);
});

test("moved by the server: the say fails, and the client finds out where it is", async (t) => {
  const w = world(t);
  await connected(w);
  const connection = w.server.only();
  connection.room = "elsewhere";
  connection.joinedAt.set("elsewhere", 0);
  const say = outcome(w.client.say("where am I"));
  await w.tick(1_000);
  assert.equal(say.code, "wrong_room");
  assert.equal(w.client.room, "elsewhere");
  const next = outcome(w.client.say("here"));
  await w.tick(50);
  assert.equal(next.reply?.status, "OK");
  assert.deepEqual(w.names(), ["welcome", "connect"]);
});

test("the events: each message to its handler, without an api handler to alert", async (t) => {
  const w = world(t);
  await connected(w);
  w.fired.length = 0;
  const line = w.server.only();
  const messages = [
    { context: "user", message: "hi" },
    { context: "api", note: 1 },
    { context: "api", gap: { room: "x", missed: 3 } },
    { context: "other" },
    { context: "api", welcome: "again" },
  ];
  for (const message of messages) w.server.tell(line, message);
  await w.tick(10);
  assert.deepEqual(
    w.fired.map(({ name }) => name),
    ["say", "api", "gap", "alert", "welcome"],
  );
  assert.deepEqual(
    w.fired.map(({ value }) => value),
    messages,
  );
  const alerts: unknown[] = [];
  w.client.events = { alert: (message) => alerts.push(message) };
  w.server.tell(line, { context: "api", note: 2 });
  await w.tick(10);
  assert.deepEqual(alerts, [{ context: "api", note: 2 }]);
});

test("a handler that throws does not stop the client", async (t) => {
  const w = world(t);
  await connected(w);
  const errors: unknown[] = [];
  t.mock.method(console, "error", (error: unknown) => errors.push(error));
  const thrown = new Error("mine");
  w.client.events.say = () => {
    throw thrown;
  };
  w.server.hear("defaultRoom", "one");
  let answered = false;
  w.client.detailsView(() => {
    answered = true;
    throw thrown;
  });
  await w.tick(10);
  assert.ok(answered);
  assert.deepEqual(errors, [thrown, thrown]);
  // Nor one that rejects.
  w.client.events.say = async () => {
    throw thrown;
  };
  w.server.hear("defaultRoom", "two");
  w.client.detailsView(() => Promise.reject(thrown));
  await w.tick(10);
  assert.deepEqual(errors, [thrown, thrown, thrown, thrown]);
  assert.equal(w.client.state, "connected");
});

test("quit is answered by the goodbye", async (t) => {
  const w = world(t);
  await connected(w);
  const quit = outcome(w.client.send({ event: "quit" }));
  await w.tick(10);
  assert.equal(quit.reply?.status, "Bye!");
});

test("long-polling only: everything works over HTTP", async (t) => {
  const w = world(t, { transports: ["long-polling"] });
  await connected(w);
  assert.equal(w.client.transport, "long-polling");
  assert.equal(w.server.opened, 0);
  const says = ["a", "b"].map((text) => outcome(w.client.say(text)));
  w.client.roomChange("second");
  const last = outcome(w.client.say("c"));
  await w.tick(200);
  w.server.hear("second", "hello");
  await w.tick(100);
  assert.ok(says.every(({ reply }) => reply?.status === "OK"));
  assert.equal(last.reply?.status, "OK");
  assert.deepEqual(w.said, ["hello"]);
});

test("websocket only: the handshake goes over the socket", async (t) => {
  const w = world(t, { transports: ["websocket"] });
  await connected(w);
  assert.equal(w.client.state, "connected");
  assert.equal(w.client.transport, "websocket");
});

test("websocket only where no socket opens: an error in the end, and no crash", async (t) => {
  const w = world(t, { transports: ["websocket"], connectTimeout: 3_000 });
  w.server.noSockets = true;
  const result = outcome(w.client.connect());
  await w.tick(4_000);
  assert.equal(result.code, "connect_timeout");
});
