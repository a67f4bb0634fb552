/** What an event stream's client is told at once, since its connects come seldom. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Link } from "../../src/sessions/gateway.ts";
import { connect, type Message } from "../wire/support/messages.ts";
import { World } from "./world.ts";

const ext = { actionwire: { positions: {} } };

function stream(w: World): { link: Link; told: Message[]; closed: number[] } {
  const told: Message[] = [];
  const closed: number[] = [];
  const link: Link = {
    ...w.link,
    transport: "eventsource",
    once: false,
    send: (text) => told.push(...(JSON.parse(text) as Message[])),
    close: (code) => closed.push(code),
  };
  return { link, told, closed };
}

for (const willRetry of [false, true]) {
  test(`a kick is told on the event stream, ${willRetry ? "which is to begin again" : "for good"}`, async () => {
    const w = new World();
    const { node } = await w.node();
    const { clientId, line } = await w.begin(node);
    await w.post(node, connect(clientId, { connectionType: "eventsource", ext }));
    const { link, told } = stream(w);
    assert.equal(await node.gateway.stream(clientId, link), true);
    await w.clock.advance(100);
    void node.api.connections.disconnect(line.slice(line.lastIndexOf("/") + 1), {
      reason: "kicked",
      willRetry,
    });
    await w.clock.advance(100);
    const [bye, last, ...more] = told.slice(-2);
    assert.deepEqual(more, []);
    assert.equal((bye!.data as Message).status, "Bye!");
    assert.equal(last!.channel, "/meta/connect");
    assert.equal(last!.successful, !willRetry);
    assert.equal((last!.advice as { reconnect: string }).reconnect, willRetry ? "handshake" : "none");
  });
}

test("an event stream that is opened again asks for a connect, and goes on as soon as that has come", async () => {
  const w = new World();
  const { node } = await w.node();
  const { clientId } = await w.begin(node);
  // The welcome; of replies that went over a stream that broke, positions tell nothing.
  await w.poll(node, clientId);
  await w.post(node, connect(clientId, { connectionType: "eventsource", ext }));
  const heard = (messages: Message[]) => messages.flatMap(({ data }) => (data as Message)?.message ?? []);
  const wanted = (messages: Message[]) =>
    messages.filter((message) => (message.ext as { actionwire?: Message })?.actionwire?.present === true);
  const first = stream(w);
  assert.equal(await node.gateway.stream(clientId, first.link), true);
  await w.clock.advance(100);
  await node.api.rooms.broadcast("defaultRoom", 1);
  await w.clock.advance(100);
  assert.deepEqual([heard(first.told), wanted(first.told).length], [[1], 0]);
  node.gateway.closed(first.link);
  const second = stream(w);
  assert.equal(await node.gateway.stream(clientId, second.link), true);
  await node.api.rooms.broadcast("defaultRoom", 2);
  await w.clock.advance(100);
  assert.deepEqual([heard(second.told), wanted(second.told).length], [[], 1]);
  await w.post(node, connect(clientId, { connectionType: "eventsource", ext }));
  assert.deepEqual(heard(second.told), [1, 2]);
});
