import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { connected, world } from "./world.ts";

/** A page, as far as the client looks at one. */
function page(t: TestContext) {
  const fake = Object.assign(new EventTarget(), {});
  const document = Object.assign(new EventTarget(), { visibilityState: "visible" });
  Object.assign(globalThis, { window: fake, document });
  t.after(() => {
    Object.assign(globalThis, { window: undefined, document: undefined });
  });
  return { window: fake, document };
}

test("the network is back, the page is shown: a dead line is found out within 5 s", async (t) => {
  const w = world(t);
  const { window, document } = page(t);
  const wakes = [
    () => window.dispatchEvent(new Event("online")),
    () => window.dispatchEvent(new Event("pageshow")),
    () => document.dispatchEvent(new Event("visibilitychange")),
  ];
  await connected(w);
  for (const wake of wakes) {
    w.server.blackHole = true;
    wake();
    await w.tick(4_900);
    assert.equal(w.client.state, "connected");
    await w.tick(200);
    assert.equal(w.client.state, "reconnecting");
    w.server.blackHole = false;
    await w.tick(25_000);
    assert.equal(w.client.state, "connected");
  }
});

test("a living line survives being asked, and nobody is told", async (t) => {
  const w = world(t);
  const { window } = page(t);
  await connected(w);
  for (let i = 0; i < 5; i += 1) window.dispatchEvent(new Event("online"));
  await w.tick(20_000);
  assert.equal(w.client.state, "connected");
  assert.deepEqual(w.names(), ["welcome", "connect"]);
  const asked = w.server.log.filter((m) => m.channel === "/meta/subscribe");
  assert.equal(asked.length, 2);
});

test("while waiting for the next attempt, the network's return starts it at once", async (t) => {
  const w = world(t);
  const { window } = page(t);
  await connected(w);
  w.server.down = true;
  w.server.cut();
  await w.tick(30_000);
  w.server.down = false;
  const tried = w.server.log.length;
  window.dispatchEvent(new Event("online"));
  await w.tick(30);
  assert.ok(w.server.log.length > tried);
});

test("offline is no news", async (t) => {
  const w = world(t);
  const { window } = page(t);
  await connected(w);
  window.dispatchEvent(new Event("offline"));
  await w.tick(1_000);
  assert.equal(w.client.state, "connected");
});

test("leaving the page ends the session; a page that is put aside keeps it", async (t) => {
  const w = world(t);
  const { window } = page(t);
  await connected(w);
  window.dispatchEvent(Object.assign(new Event("pagehide"), { persisted: true }));
  await w.tick(10);
  assert.equal(w.server.connections.size, 1);
  window.dispatchEvent(Object.assign(new Event("pagehide"), { persisted: false }));
  await w.tick(10);
  assert.equal(w.server.connections.size, 0);
});

test("a navigation that is cancelled does not end the session", async (t) => {
  const w = world(t);
  const { window } = page(t);
  await connected(w);
  window.dispatchEvent(new Event("beforeunload"));
  await w.tick(10);
  assert.equal(w.server.connections.size, 1);
  assert.equal(w.client.state, "connected");
});
