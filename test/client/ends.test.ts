import assert from "node:assert/strict";
import { test } from "node:test";
import type { Disconnected } from "../../src/client/index.ts";
import { connected, outcome, world } from "./world.ts";

test("disconnect: the session ends at once, what waits fails, disconnect is fired once", async (t) => {
  const w = world(t);
  await connected(w);
  w.server.before = (m) => m.data?.event === "action";
  const action = outcome(w.client.action("long"));
  await w.tick(5);
  let over = false;
  w.client.disconnect().then(() => {
    over = true;
  });
  assert.equal(w.client.state, "disconnected");
  await w.tick(50);
  assert.ok(over);
  assert.equal(action.code, "disconnected");
  assert.equal(w.server.connections.size, 0);
  assert.equal(w.names().filter((name) => name === "disconnect").length, 1);
  const late = outcome(w.client.say("late"));
  await w.tick(60_000);
  assert.equal(late.code, "disconnected");
  assert.equal(w.server.sockets.size, 0);
});

test("after disconnect, connect makes a new connection", async (t) => {
  const w = world(t);
  await connected(w);
  const { id } = w.client;
  w.client.disconnect();
  await w.tick(50);
  const details = outcome(w.client.connect());
  await w.tick(100);
  assert.equal(details.reply?.status, "OK");
  assert.notEqual(w.client.id, id);
});

test("disconnect in a black hole is over in two seconds", async (t) => {
  const w = world(t);
  await connected(w);
  w.server.blackHole = true;
  let over = false;
  w.client.disconnect().then(() => {
    over = true;
  });
  await w.tick(2_100);
  assert.ok(over);
});

test("the server is not there yet: keeps trying, then connects", async (t) => {
  const w = world(t);
  w.server.down = true;
  const details = outcome(w.client.connect());
  await w.tick(8_000);
  assert.equal(w.client.state, "connecting");
  w.server.down = false;
  await w.tick(6_000);
  assert.equal(details.reply?.status, "OK");
});

test("the server never comes: an error after connectTimeout", async (t) => {
  const w = world(t);
  w.server.down = true;
  const details = outcome(w.client.connect());
  await w.tick(29_000);
  assert.equal(w.client.state, "connecting");
  await w.tick(1_100);
  assert.equal(details.code, "connect_timeout");
  assert.equal(w.client.state, "disconnected");
  assert.deepEqual(w.names(), []);
});

test("a handshake refused for good ends it, with the server's reason", async (t) => {
  const w = world(t, { token: async () => "secret" });
  w.server.before = (m) =>
    m.channel === "/meta/handshake" && [
      {
        channel: m.channel,
        id: m.id!,
        successful: false,
        error: "403::Who are you",
        advice: { reconnect: "none" },
      },
    ];
  const details = outcome(w.client.connect());
  await w.tick(1_000);
  assert.equal(details.code, "forbidden");
  assert.equal(w.client.state, "disconnected");
  assert.equal(w.server.log[0]?.ext?.token, "secret");
  await w.tick(60_000);
  assert.equal(w.server.log.length, 1);
});

test("superseded: the end, told once, and nothing is tried any more", async (t) => {
  const w = world(t);
  await connected(w);
  w.server.timeout = 1_000;
  w.server.before = (m) =>
    m.channel === "/meta/connect" && [
      {
        channel: m.channel,
        id: m.id!,
        successful: false,
        error: "401::Superseded",
        advice: { reconnect: "none" },
      },
    ];
  await w.tick(26_000);
  assert.equal(w.client.state, "disconnected");
  assert.deepEqual(w.names(), ["welcome", "connect", "disconnect"]);
  assert.equal((w.fired.at(-1)!.value as Disconnected).reconnecting, false);
});
