/** Rights that end under load: credentials that hold a moment only, and a room that somebody may hear no longer. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { expiring } from "../../src/hooks.ts";
import { each, hears, ROOM, range, stage } from "./stage.ts";

/** Milliseconds. */
const HOLDS = 1_000;
const MESSAGES = 110;
const PAUSE = 30;

describe("a credential that holds a second", { concurrency: true }, () => {
  for (const transport of ["websocket", "eventsource", "long-polling"] as const) {
    test(`is renewed again and again over ${transport}, and nothing is lost`, async (t) => {
      const { join, handshakes } = await stage(t, {
        hooks: {
          authenticate: ({ ext }) =>
            ext.token === undefined ? null : expiring({ user: "alice" }, Number(ext.token)),
        },
      });
      const speaker = await join();
      const before = handshakes();
      const listener = await join({
        transports: [transport],
        token: () => String(Date.now() + HOLDS),
      });
      const { id } = listener.client;
      await each(MESSAGES, PAUSE, (n) => speaker.client.say(String(n)));
      await hears(listener, range(0, MESSAGES));
      assert.equal(listener.client.id, id);
      assert.deepEqual(listener.gaps(), []);
      assert.ok(handshakes() - before >= 3, `${handshakes() - before} handshakes`);
    });
  }
});

test("a credential that is not renewed: nothing after its end, and a refusal is final", async (t) => {
  const { join } = await stage(t, {
    hooks: {
      authenticate: ({ ext }) =>
        ext.token === undefined ? null : expiring({ user: "alice" }, Number(ext.token)),
    },
  });
  const speaker = await join();
  const token = String(Date.now() + HOLDS);
  const listener = await join({ transports: ["long-polling"], token });
  await speaker.client.say("0");
  await hears(listener, [0]);
  await sleep(HOLDS + 100);
  await each(20, PAUSE, (n) => speaker.client.say(String(n + 1)));
  await sleep(500);
  assert.deepEqual(listener.numbers(), [0]);
  assert.equal(listener.client.state, "disconnected");
});

test("who is silenced and removed under load hears nothing more, on any transport", async (t) => {
  const { server, join } = await stage(t);
  const speaker = await join();
  const members = await Promise.all(
    (["websocket", "eventsource", "long-polling"] as const).map((name) => join({ transports: [name] })),
  );
  const others = await Promise.all(members.map(() => join({ transports: ["long-polling"] })));
  for (const other of others) {
    await other.client.roomChange("elsewhere");
    await other.client.listenToRoom(ROOM);
  }
  let speaking = true;
  let n = 0;
  const talk = (async () => {
    for (; speaking; n += 1) {
      await speaker.client.say(String(n));
      await sleep(5);
    }
  })();
  await sleep(500);
  const { rooms } = server.api;
  for (const { client } of members) await rooms.remove(client.id!, ROOM);
  for (const { client } of others) await rooms.silence(client.id!, ROOM);
  // What was said before its end may still be on its way.
  const end = n;
  await sleep(1_000);
  speaking = false;
  await talk;
  assert.ok(n > end + 50, `${n - end} more`);
  for (const { numbers } of [...members, ...others]) {
    const heard = numbers();
    assert.deepEqual(heard, range(0, heard.length));
    assert.ok(heard.length > 0 && heard.length <= end + 1, `${heard.length} of ${n}, ended at ${end}`);
  }
});
