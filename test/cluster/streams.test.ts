import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { closeAll, eventually, RedisServer, type ServerProcess, spawnServer } from "../support/index.ts";
import { post } from "../wire/support/http.ts";
import {
  connect,
  handshake,
  lineOf,
  type Message,
  minted,
  publish,
  subscribe,
} from "../wire/support/messages.ts";

let redis: RedisServer;
let nodes: ServerProcess[] = [];
before(async () => {
  redis = await RedisServer.start();
  const env = { REDIS_URL: redis.url };
  nodes = await Promise.all([spawnServer({ env }), spawnServer({ env })]);
});
after(async () => {
  await closeAll(...nodes);
  await redis.stop();
});

const ask = async (node: number, ...unit: Message[]): Promise<Message[]> =>
  JSON.parse((await post(`${nodes[node]!.url}/faye`, JSON.stringify(unit))).body) as Message[];

/** An event stream, and what came on it. */
async function stream(node: number, clientId: string) {
  const stop = new AbortController();
  const response = await fetch(`${nodes[node]!.url}/faye/${clientId}`, {
    signal: stop.signal,
    headers: { Accept: "text/event-stream" },
  });
  assert.equal(response.status, 200);
  const events = { text: "", ended: false, close: () => stop.abort() };
  void (async () => {
    const decoder = new TextDecoder();
    for await (const chunk of response.body!) events.text += decoder.decode(chunk, { stream: true });
    events.ended = true;
  })().catch(() => {});
  return events;
}

test("an event stream goes on at its node while connects, published things and Faye's first poll reach another", async (t) => {
  const [shaken] = await ask(1, handshake());
  const { clientId, connectionId } = minted(shaken!);
  const line = lineOf(connectionId);
  const events = await stream(0, clientId);
  t.after(() => events.close());
  // Faye's first connect shares its unit with the subscription and was addressed before the stream was open.
  const first = await ask(1, connect(clientId), subscribe(clientId, line));
  assert.deepEqual(
    first.filter(({ successful }) => successful !== undefined).map(({ successful }) => successful),
    [true, true],
  );
  const [second] = await ask(1, connect(clientId, { connectionType: "eventsource" }));
  assert.equal(second?.successful, true);
  await eventually(() => assert.match(events.text, /welcome/));
  await ask(1, publish(clientId, line, { event: "detailsView", messageId: 7 }, { id: "p" }));
  await eventually(() => assert.match(events.text, /"messageId":7/));
  assert.equal(events.ended, false);
});

test("an event stream whose session is taken over by another one ends", async (t) => {
  const [shaken] = await ask(1, handshake());
  const { clientId } = minted(shaken!);
  const before = await stream(0, clientId);
  t.after(() => before.close());
  const now = await stream(1, clientId);
  t.after(() => now.close());
  await eventually(() => assert.equal(before.ended, true));
  // Its client opens another one at once, and not after the five seconds of a broken one.
  assert.match(before.text, /^retry: 5000\r\n\r\n(.*\r\n\r\n)*retry: 50\r\n\r\n$/s);
  assert.equal(now.ended, false);
});
