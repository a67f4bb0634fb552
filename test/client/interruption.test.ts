import assert from "node:assert/strict";
import { test } from "node:test";
import type { Disconnected, Reconnected } from "../../src/client/index.ts";
import { connected, outcome, world } from "./world.ts";

const texts = (heard: { message: string }[]) => heard.map(({ message }) => message);

test("a cut socket: resumed within a second, same id, nothing lost or doubled, no events", async (t) => {
  const w = world(t);
  await connected(w);
  const { id } = w.client;
  w.fired.length = 0;
  w.server.hear("defaultRoom", "before");
  await w.tick(10);
  w.server.cut();
  assert.equal(w.client.state, "reconnecting");
  w.server.hear("defaultRoom", "meanwhile");
  await w.tick(800);
  w.server.hear("defaultRoom", "after");
  await w.tick(50);
  assert.equal(w.client.state, "connected");
  assert.equal(w.client.id, id);
  assert.deepEqual(w.said, ["before", "meanwhile", "after"]);
  assert.deepEqual(w.names(), ["say", "say", "say"]);
});

test("a longer interruption fires disconnect once, then reconnect with the same id", async (t) => {
  const w = world(t);
  await connected(w);
  w.fired.length = 0;
  w.server.down = true;
  w.server.cut();
  await w.tick(6_000);
  assert.deepEqual(w.names(), ["disconnect"]);
  assert.equal((w.fired[0]!.value as Disconnected).reconnecting, true);
  w.server.down = false;
  await w.tick(6_000);
  assert.deepEqual(w.names(), ["disconnect", "reconnect"]);
  const back = w.fired[1]!.value as Reconnected;
  assert.equal(back.id, w.client.id);
  assert.equal(back.resumed, true);
  assert.equal(back.previousTransport, "websocket");
  assert.match(back.reason, /socket/);
});

test("says under way when the line breaks take effect exactly once, in order", async (t) => {
  const w = world(t);
  await connected(w);
  // The first is stored and its answer lost; the second never arrives.
  w.server.loseReply = () => true;
  const one = outcome(w.client.say("one"));
  await w.tick(5);
  w.server.before = (m) => m.data?.message === "two";
  const two = outcome(w.client.say("two"));
  await w.tick(5);
  w.server.loseReply = () => false;
  w.server.before = () => false;
  w.server.cut();
  const three = outcome(w.client.say("three"));
  await w.tick(1_000);
  assert.deepEqual(texts(w.server.heard), ["one", "two", "three"]);
  for (const said of [one, two, three]) assert.equal(said.reply?.status, "OK");
});

test("a verb under way is asked again under its number", async (t) => {
  const w = world(t);
  await connected(w);
  w.server.loseReply = () => true;
  const change = outcome(w.client.roomChange("second"));
  await w.tick(5);
  w.server.loseReply = () => false;
  w.server.cut();
  const said = outcome(w.client.say("hello"));
  await w.tick(1_000);
  assert.equal(change.reply?.status, "OK");
  assert.equal(said.reply?.status, "OK");
  assert.equal(w.server.only().verb, 1);
  assert.equal(w.client.room, "second");
  assert.equal(w.server.heard[0]?.room, "second");
});

test("an action under way is sent again, marked", async (t) => {
  const w = world(t);
  await connected(w);
  w.server.loseReply = () => true;
  const action = outcome(w.client.action("work"));
  await w.tick(5);
  w.server.loseReply = () => false;
  w.server.cut();
  await w.tick(1_000);
  assert.equal(action.reply?.did, "work");
  const [first, again] = w.server.actions;
  assert.equal(first?.resend, undefined);
  assert.equal(again?.resend, true);
  assert.equal(first?.messageId, again?.messageId);
});

test("rebuilt: new id, rooms entered again, a gap for each, unknown outcomes, then reconnect", async (t) => {
  const w = world(t);
  await connected(w);
  w.client.roomChange("second");
  w.client.listenToRoom("third");
  await w.tick(50);
  const { id } = w.client;
  w.fired.length = 0;
  w.server.before = (m) => m.channel === "/client/websocket/connection/id-2" || m.data !== undefined;
  const sent = outcome(w.client.say("sent"));
  const action = outcome(w.client.action("work"));
  const read = outcome(w.client.detailsView());
  const raw = outcome(w.client.send({ event: "custom" }));
  await w.tick(5);
  w.server.before = () => false;
  w.server.cut();
  w.server.forget();
  const unsent = outcome(w.client.say("unsent"));
  await w.tick(1_500);
  assert.equal(w.client.state, "connected");
  assert.notEqual(w.client.id, id);
  assert.equal(w.client.room, "second");
  assert.deepEqual(Array.from(w.server.only().listening), ["third"]);
  assert.equal(sent.code, "outcome_unknown");
  assert.equal(raw.code, "outcome_unknown");
  assert.equal(action.reply?.did, "work");
  assert.equal(read.reply?.status, "OK");
  assert.equal(unsent.reply?.status, "OK");
  assert.deepEqual(w.server.heard, [{ from: w.client.id, room: "second", message: "unsent" }]);
  assert.deepEqual(w.names(), ["disconnect", "welcome", "gap", "gap", "reconnect"]);
  const gaps = w.fired.filter(({ name }) => name === "gap").map(({ value }) => value);
  assert.deepEqual(gaps, [
    { context: "api", gap: { room: "second", missed: null } },
    { context: "api", gap: { room: "third", missed: null } },
  ]);
  assert.equal((w.fired.at(-1)!.value as Reconnected).resumed, false);
});

test("a line lost while the rooms are entered again loses none of them", async (t) => {
  const w = world(t);
  await connected(w);
  w.client.roomChange("second");
  w.client.listenToRoom("third");
  await w.tick(50);
  w.server.cut();
  w.server.forget();
  let cuts = 2;
  w.server.before = (m) => {
    if (m.data?.event !== "listenToRoom" || cuts === 0) return false;
    cuts -= 1;
    w.server.cut();
    return true;
  };
  await w.tick(5_000);
  assert.equal(w.client.state, "connected");
  assert.equal(w.client.room, "second");
  assert.deepEqual(Array.from(w.server.only().listening), ["third"]);
  assert.deepEqual(w.names().slice(-5), ["disconnect", "welcome", "gap", "gap", "reconnect"]);
});

test("the log was lost while says were under way: unknown, and not twice", async (t) => {
  const w = world(t);
  await connected(w);
  w.client.say("stored before");
  await w.tick(20);
  w.server.loseReply = () => true;
  const lost = outcome(w.client.say("stored, answer lost"));
  await w.tick(5);
  w.server.loseReply = () => false;
  w.server.cut();
  w.server.topics.clear();
  w.server.only().says.clear();
  const next = outcome(w.client.say("next"));
  await w.tick(1_000);
  assert.equal(lost.code, "outcome_unknown");
  assert.equal(next.reply?.status, "OK");
  assert.deepEqual(texts(w.server.heard), ["stored before", "stored, answer lost", "next"]);
});

test("says go on where the log lost its end on a living line", async (t) => {
  const w = world(t);
  await connected(w);
  for (const text of ["a", "b", "c"]) w.client.say(text);
  await w.tick(20);
  w.server.only().says.clear();
  const said = ["d", "e"].map((text) => outcome(w.client.say(text)));
  await w.tick(1_000);
  assert.ok(said.every(({ reply }) => reply?.status === "OK"));
  assert.deepEqual(texts(w.server.heard), ["a", "b", "c", "d", "e"]);
});

test("what is asked while offline waits, up to the bound", async (t) => {
  const w = world(t, { offlineQueue: 2 });
  await connected(w);
  w.server.down = true;
  w.server.cut();
  const [one, two, three] = ["one", "two", "three"].map((text) => outcome(w.client.say(text)));
  await w.tick(1);
  assert.equal(three?.code, "offline_queue_full");
  w.server.down = false;
  await w.tick(3_000);
  assert.equal(one?.reply?.status, "OK");
  assert.equal(two?.reply?.status, "OK");
  assert.deepEqual(texts(w.server.heard), ["one", "two"]);
});

test("401 on a publish, and 401 with handshake on a connect: taken over with the token", async (t) => {
  const w = world(t);
  await connected(w);
  const { id } = w.client;
  let once = true;
  w.server.before = (m) => {
    if (m.data?.event !== "say" || !once) return false;
    once = false;
    return [{ channel: m.channel, id: m.id!, successful: false, error: "401::Unknown client" }];
  };
  const said = outcome(w.client.say("hello"));
  await w.tick(1_000);
  assert.equal(said.reply?.status, "OK");
  assert.equal(w.client.id, id);
  w.server.sessions.clear();
  await w.tick(26_000);
  assert.equal(w.client.state, "connected");
  assert.equal(w.client.id, id);
});

test("a server that goes down is not an error: what it did not do is asked of the next one, as for the first time", async (t) => {
  const w = world(t);
  await connected(w);
  let stopping = true;
  w.server.before = (m) => {
    if (!stopping || m.data === undefined) return false;
    const ext = { actionwire: { stopping: true } };
    return [{ channel: m.channel, id: m.id!, successful: false, error: "503::Service unavailable", ext }];
  };
  const action = outcome(w.client.action("it"));
  await w.tick(20);
  const say = outcome(w.client.say("hello"));
  await w.tick(20);
  stopping = false;
  await w.tick(1_000);
  assert.equal(action.reply?.did, "it");
  assert.equal(say.reply?.status, "OK");
  assert.deepEqual(
    w.server.actions.map((asked) => asked.resend),
    [undefined],
  );
});

test("asked for its positions, the client sends one connect more, and goes on as before", async (t) => {
  const w = world(t);
  await connected(w);
  w.server.hear("defaultRoom", "hello");
  await w.tick(100);
  const connects = () => w.server.log.filter(({ channel }) => channel === "/meta/connect");
  const before = connects().length;
  const line = w.server.only();
  line.session!.outbox.push({ channel: "/actionwire", ext: { actionwire: { present: true } } });
  w.server.flush(line.session!);
  await w.tick(100);
  assert.equal(connects().length, before + 1);
  const positions = connects().at(-1)!.ext?.actionwire?.positions;
  assert.equal(positions?.defaultRoom, w.server.position("defaultRoom"));
  // The one that is held, and those after it.
  await w.tick(4 * w.server.timeout);
  assert.ok(connects().length <= before + 6, String(connects().length));
  assert.deepEqual(w.names(), ["welcome", "connect", "say"]);
});

test("a black hole is noticed by an unanswered request, within 10 s", async (t) => {
  const w = world(t);
  await connected(w);
  w.server.blackHole = true;
  const said = outcome(w.client.say("anybody?"));
  await w.tick(10_100);
  assert.equal(w.client.state, "reconnecting");
  w.server.blackHole = false;
  await w.tick(12_000);
  assert.equal(w.client.state, "connected");
  assert.equal(said.reply?.status, "OK");
  assert.deepEqual(texts(w.server.heard), ["anybody?"]);
});

test("a say that is refused by its acknowledgement is answered: the line is kept", async (t) => {
  const w = world(t);
  await connected(w);
  w.server.before = (m) =>
    m.data?.event === "say" && [
      { channel: m.channel, id: m.id!, successful: false, error: "503::Unavailable" },
    ];
  const said = outcome(w.client.say("nobody home"));
  for (let second = 0; second < 20; second += 1) {
    await w.tick(1_000);
    assert.equal(w.client.state, "connected");
  }
  assert.equal(said.code, "unavailable");
});

test("an idle line in a black hole is noticed after timeout + 5 s", async (t) => {
  const w = world(t);
  await connected(w);
  w.server.blackHole = true;
  await w.tick(24_000);
  assert.equal(w.client.state, "connected");
  await w.tick(7_000);
  assert.equal(w.client.state, "reconnecting");
});

test("an abandoned Faye client sends nothing, opens nothing, for a minute and more", async (t) => {
  const w = world(t);
  await connected(w);
  w.client.say("hello");
  await w.tick(20);
  w.server.blackHole = true;
  w.client.say("lost");
  await w.tick(10_100);
  assert.equal(w.client.state, "reconnecting");
  const old = w.server.log.find((m) => m.clientId)?.clientId;
  w.server.blackHole = false;
  // The first attempt may have gone into the black hole as well.
  await w.tick(20_000);
  assert.equal(w.client.state, "connected");
  const { opened } = w.server;
  const before = w.server.log.filter((m) => m.clientId === old).length;
  await w.tick(120_000);
  assert.equal(w.server.log.filter((m) => m.clientId === old).length, before);
  assert.equal(w.server.log.filter((m) => m.channel === "/meta/handshake").length <= 4, true);
  assert.equal(w.server.opened, opened);
  assert.equal(w.server.sockets.size, 1);
});

test("sockets that are cut three times in a row: the next transport for a while", async (t) => {
  const w = world(t);
  await connected(w);
  for (let i = 0; i < 3; i += 1) {
    w.server.cut();
    await w.tick(3_000);
  }
  assert.equal(w.client.state, "connected");
  assert.equal(w.client.transport, "long-polling");
});

test("a proxy that swallows upgrades: long-polling, no trouble", async (t) => {
  const w = world(t);
  w.server.swallowUpgrades = true;
  await connected(w);
  assert.equal(w.client.transport, "long-polling");
  w.server.hear("defaultRoom", "hello");
  await w.tick(120_000);
  assert.deepEqual(w.said, ["hello"]);
  assert.deepEqual(w.names(), ["welcome", "connect", "say"]);
});

test("thousand clients are spread, and soon back", async () => {
  const { retryDelay } = await import("../../src/client/policy.ts");
  const first = Array.from({ length: 1_000 }, () => retryDelay(0, Math.random));
  assert.ok(Math.min(...first) >= 50 && Math.max(...first) <= 500);
  const buckets = new Set(first.map((ms) => Math.floor(ms / 50)));
  assert.ok(buckets.size >= 9);
  const late = Array.from({ length: 1_000 }, () => retryDelay(50, Math.random));
  assert.ok(Math.max(...late) <= 5_000 && Math.max(...late) > 4_000);
});

test("rebuilt: a say that was refused because the session was gone is said on the new connection", async (t) => {
  const w = world(t);
  await connected(w);
  w.server.forget();
  const said = outcome(w.client.say("not lost"));
  await w.tick(2_000);
  assert.equal(said.reply?.status, "OK");
  assert.deepEqual(texts(w.server.heard), ["not lost"]);
});

test("reasons do not tell the clientId", async (t) => {
  const w = world(t);
  await connected(w);
  w.server.before = (m) =>
    m.channel === "/meta/handshake"
      ? false
      : [{ channel: m.channel, id: m.id!, successful: false, error: "401:secret-id:Unknown client" }];
  w.client.say("hello");
  await w.tick(3_000);
  const told = w.fired.find(({ name }) => name === "disconnect");
  assert.match(JSON.stringify(told), /Unknown client/);
  assert.doesNotMatch(JSON.stringify(told), /secret-id/);
});

test("a socket that is closed while nothing is pending on it is noticed at once", async (t) => {
  const w = world(t);
  await connected(w);
  // Faye is told to wait before its next connect.
  const advice = { reconnect: "retry", interval: 60_000, timeout: 25_000 };
  w.server.before = (m) =>
    m.channel === "/meta/connect" && [{ channel: m.channel, id: m.id!, successful: true, advice }];
  await w.tick(26_000);
  assert.equal(w.client.state, "connected");
  w.server.cut();
  assert.equal(w.client.state, "reconnecting");
});
