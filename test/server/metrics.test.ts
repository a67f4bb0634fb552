import assert from "node:assert/strict";
import { test } from "node:test";
import { systemClock, systemRandom } from "../../src/clock.ts";
import { MemoryStore, memoryEngine } from "../../src/engine/index.ts";
import { startServer } from "../support/server.ts";
import { HttpDoor, Socket } from "../wire/support/door.ts";
import { connect, handshake, lineOf, minted, publish, subscribe } from "../wire/support/messages.ts";
import { metricIs } from "../wire/support/metrics.ts";

test("/metrics counts sessions and messages, and holds no id", async (t) => {
  const server = await startServer();
  t.after(() => server.close());
  const handshake = [
    { channel: "/meta/handshake", version: "1.0", supportedConnectionTypes: ["long-polling"] },
  ];
  const reply = await fetch(`${server.url}/faye`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(handshake),
  });
  const [{ clientId, ext }] = (await reply.json()) as [
    { clientId: string; ext: { actionwire: { connectionId: string } } },
  ];
  const metrics = await fetch(`${server.url}/metrics`);
  assert.match(metrics.headers.get("content-type") ?? "", /^text\/plain/);
  const text = await metrics.text();
  assert.match(text, /^actionwire_sessions 1$/m);
  assert.match(text, /^actionwire_sessions_carried 0$/m);
  assert.match(text, /^actionwire_messages_received_total 1$/m);
  for (const [, name, type] of text.matchAll(/^# TYPE (actionwire_\w+) (\w+)$/gm))
    assert.equal(type, name!.endsWith("_total") ? "counter" : "gauge", name);
  assert.match(text, /^process_cpu_seconds_total /m);
  assert.ok(!text.includes(clientId) && !text.includes(ext.actionwire.connectionId));
});

test("gaps that were told are counted", async (t) => {
  const store = new MemoryStore({
    clock: systemClock,
    random: systemRandom,
    bounds: { maxMessages: 5, maxBytes: 1e6, maxAge: 60_000 },
  });
  const [first, second] = [
    await startServer({ engine: memoryEngine(store) }),
    await startServer({ engine: memoryEngine(store) }),
  ];
  t.after(() => Promise.all([first.close(), second.close()]));
  const door = new HttpDoor(first.url);
  const [reply] = await door.send([handshake()]);
  const { clientId, connectionId } = minted(reply!);
  await door.send([subscribe(clientId, lineOf(connectionId))]);
  await door.send([connect(clientId, { advice: { timeout: 0 } })]);
  await metricIs(second.url, "actionwire_gaps_total", 0);
  for (let n = 0; n < 20; n += 1) await second.api.rooms.broadcast("defaultRoom", n);
  // Another node knows no more than the log.
  await new HttpDoor(second.url).send([connect(clientId)]);
  await metricIs(second.url, "actionwire_gaps_total", 1);
});

test("who was answered, or has gone, is not remembered", async (t) => {
  const server = await startServer();
  t.after(() => server.close());
  const door = new HttpDoor(server.url);
  const socket = await Socket.open(server.url);
  const [polling, carried] = [await door.session(), await socket.session()];
  socket.send([connect(carried, { connectionType: "websocket" })]);
  await metricIs(server.url, "actionwire_links", 1);
  for (let n = 0; n < 20; n += 1) await door.send([connect(polling, { advice: { timeout: 0 } })]);
  // A connect among other messages is answered in a part of a response.
  const others = [publish(polling, "/foo", 1), publish(polling, "/foo", 2)];
  for (let n = 0; n < 20; n += 1) await door.send([connect(polling), ...others]);
  await metricIs(server.url, "actionwire_links", 1);
  await socket.close();
  await metricIs(server.url, "actionwire_links", 0);
});
