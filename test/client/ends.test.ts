import assert from "node:assert/strict";
import { test } from "node:test";
import type { Disconnected } from "../../src/client/index.ts";
import type { Wire } from "./network.ts";
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
  // It had been sent.
  assert.equal(action.code, "outcome_unknown");
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

test("disconnect while the line is broken ends the session, too", async (t) => {
  const w = world(t);
  await connected(w);
  // The next attempts fail, but the server can be reached.
  w.server.before = (m) => m.channel === "/meta/handshake";
  w.server.cut();
  await w.tick(2_000);
  assert.equal(w.client.state, "reconnecting");
  assert.equal(w.server.connections.size, 1);
  let over = false;
  w.client.disconnect().then(() => {
    over = true;
  });
  await w.tick(20);
  assert.equal(w.server.connections.size, 0);
  await w.tick(2_000);
  assert.ok(over);
  assert.equal(w.names().filter((name) => name === "disconnect").length, 1);
});

test("disconnect between two attempts is over as soon as the server knows", async (t) => {
  const w = world(t);
  await connected(w);
  w.server.cut();
  let over = false;
  w.client.disconnect().then(() => {
    over = true;
  });
  await w.tick(20);
  assert.ok(over);
  assert.equal(w.server.connections.size, 0);
});

for (const [when, late] of [
  ["soon", 1_000],
  ["later than anybody waits", 4_000],
] as const) {
  for (const again of [false, true]) {
    test(`disconnect during a handshake that is answered ${when}${again ? ", of a reconnect" : ""}: its session is ended`, async (t) => {
      const w = world(t);
      if (again) await connected(w);
      const held: Wire[] = [];
      w.server.before = (m) => {
        if (m.channel === "/meta/handshake") held.push(m);
        return false;
      };
      const { handshakes } = w.server;
      w.server.handshakes = (reply, send) => setTimeout(() => send(reply), late);
      if (again) w.server.cut();
      else w.client.connect();
      await w.tick(700);
      assert.equal(held.length, 1);
      assert.equal(w.server.sessions.size > 0, true);
      let over = false;
      w.client.disconnect().then(() => {
        over = true;
      });
      await w.tick(2_100);
      assert.ok(over);
      await w.tick(3_000);
      w.server.handshakes = handshakes;
      assert.equal(w.server.connections.size, 0);
      assert.equal(held.length, 1);
      assert.equal(w.client.state, "disconnected");
    });
  }
}

test("disconnect: of what may have been done nobody knows; what was never sent was not done", async (t) => {
  const w = world(t);
  await connected(w);
  // Stored, but the answer is lost.
  w.server.loseReply = (m) => m.channel === "/actionwire";
  const said = outcome(w.client.say("heard"));
  const verb = outcome(w.client.roomChange("red"));
  const held = outcome(w.client.say("waits behind the verb"));
  await w.tick(50);
  w.client.disconnect();
  await w.tick(50);
  assert.equal(said.code, "outcome_unknown");
  assert.equal(verb.code, "disconnected");
  assert.equal(held.code, "disconnected");
  assert.equal(w.server.heard.length, 1);
});

test("disconnect while reconnecting: what was sent before is in doubt", async (t) => {
  const w = world(t);
  await connected(w);
  w.server.loseReply = () => true;
  const verb = outcome(w.client.roomChange("red"));
  const read = outcome(w.client.documentation());
  await w.tick(20);
  w.server.down = true;
  w.server.cut();
  const offline = outcome(w.client.say("never sent"));
  await w.tick(1_500);
  w.client.disconnect();
  await w.tick(20);
  assert.equal(verb.code, "outcome_unknown");
  assert.equal(read.code, "disconnected");
  assert.equal(offline.code, "disconnected");
});

test("connect inside the disconnect handler begins at once", async (t) => {
  const w = world(t);
  await connected(w);
  const ids: (string | null)[] = [w.client.id];
  w.client.events.disconnect = () => {
    w.client.connect().then(() => ids.push(w.client.id));
  };
  w.client.disconnect();
  await w.tick(200);
  assert.equal(w.client.state, "connected");
  assert.equal(ids.length, 2);
  assert.notEqual(ids[0], ids[1]);
  // And the new connection tells of its own interruptions.
  let told = 0;
  w.client.events.disconnect = () => {
    told += 1;
  };
  w.server.down = true;
  w.server.cut();
  await w.tick(2_000);
  assert.equal(told, 1);
});

test("disconnect inside the connect handler: connect has succeeded all the same", async (t) => {
  const w = world(t);
  w.client.events.connect = () => {
    w.client.disconnect();
  };
  const details = outcome(w.client.connect());
  await w.tick(200);
  assert.equal(details.reply?.status, "OK");
  assert.equal(w.client.state, "disconnected");
  assert.equal(w.client.id, null);
  assert.equal(w.server.connections.size, 0);
});

test("disconnect inside the disconnect handler of an interruption: no reconnect any more", async (t) => {
  const w = world(t);
  await connected(w);
  w.client.events.disconnect = () => {
    w.client.disconnect();
  };
  w.server.forget();
  w.server.cut();
  await w.tick(5_000);
  assert.equal(w.client.state, "disconnected");
  assert.equal(w.client.id, null);
  assert.ok(!w.names().includes("reconnect"));
});

for (const transports of [["callback-polling"], ["cross-origin-long-polling"], ["nonsense"], []]) {
  test(`transports that there are none of here: refused at once (${transports.join() || "none"})`, async (t) => {
    const w = world(t, { transports });
    const details = outcome(w.client.connect());
    await w.tick(1);
    assert.equal(details.code, "no_transport");
    assert.equal(w.client.state, "disconnected");
    await w.tick(10_000);
    assert.equal(w.server.log.length, 0);
  });
}

test("of several transports those count that there are", async (t) => {
  const w = world(t, { transports: ["callback-polling", "nonsense", "long-polling"] });
  const details = outcome(w.client.connect());
  await w.tick(500);
  assert.equal(details.reply?.status, "OK");
});
