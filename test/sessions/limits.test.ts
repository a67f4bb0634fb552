/** What one session, one address and one reader may cost. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Link } from "../../src/sessions/gateway.ts";
import {
  connect,
  handshake,
  lineOf,
  type Message,
  minted,
  publish,
  subscribe,
} from "../wire/support/messages.ts";
import { World } from "./world.ts";

test("who does not fetch his answers is not answered any more, until he does", async () => {
  const w = new World({ limits: { unreadBytes: 1000, eventsPerSecond: 0 } });
  const { node } = await w.node();
  const { clientId, line } = await w.begin(node);
  const ask = async (n: number): Promise<unknown> => {
    const [ack] = await w.post(node, publish(clientId, line, { event: "detailsView", messageId: n }));
    return ack!.error;
  };
  const answered = async (): Promise<number> =>
    (await w.poll(node, clientId)).filter(({ data }) => (data as Message | undefined)?.context === "response")
      .length;
  await answered();
  let asked = 0;
  while ((await ask(asked)) === undefined) asked += 1;
  assert.ok(asked > 1 && asked < 20, `${asked} answers`);
  assert.equal(await ask(asked), "429::Too much unread");
  // What fetches them is not refused, and neither is going away.
  assert.equal(await answered(), asked);
  assert.equal(await ask(asked), undefined);
  assert.equal(await answered(), 1);
});

test("replies that are not acknowledged count as unread, also where batches are put together", async () => {
  const w = new World({ limits: { unreadBytes: 20_000, eventsPerSecond: 0 } });
  const { node } = await w.node();
  const [shaken] = await w.post(node, handshake({ ext: { ack: true } }));
  const { clientId, connectionId } = minted(shaken!);
  await w.post(node, subscribe(clientId, lineOf(connectionId)));
  const details = { event: "detailsView" };
  const refused = async (): Promise<boolean> => {
    const [ack] = await w.post(node, publish(clientId, lineOf(connectionId), details));
    return ack!.error === "429::Too much unread";
  };
  const deaf = connect(clientId, { advice: { timeout: 0 }, ext: { ack: 0 } });
  let asked = 0;
  for (; asked < 1000 && !(await refused()); asked += 1) {
    if (asked % 3 === 0) await w.post(node, connect(clientId, { advice: { timeout: 0 } }));
  }
  assert.ok(asked > 48 && asked < 1000, `${asked} answers`);
  const replies = await w.post(node, deaf);
  const { ack } = replies.at(-1)!.ext as { ack: number };
  await w.post(node, connect(clientId, { advice: { timeout: 0 }, ext: { ack } }));
  assert.equal(await refused(), false);
});

test("186: handshakes of one address are counted, those of others are not", async () => {
  const w = new World({ limits: { handshakesPerSecond: 2 } });
  const { node } = await w.node();
  const shake = async (remoteIP: string): Promise<unknown> => {
    let answer = "[]";
    const requester = { ...w.link.requester, remoteIP };
    node.gateway.receive([handshake()], {
      ...w.link,
      requester,
      send: (text) => {
        answer = text;
      },
    });
    await w.clock.advance(10);
    const [reply] = JSON.parse(answer) as Message[];
    assert.equal((reply!.advice as Message).reconnect, reply!.successful ? "retry" : "handshake");
    return reply!.error;
  };
  const errors: unknown[] = [];
  for (let n = 0; n < 6; n += 1) errors.push(await shake("10.0.0.1"));
  assert.deepEqual(new Set(errors.slice(0, 4)), new Set([undefined]));
  assert.equal(errors.at(-1), "429::Too many requests");
  assert.equal(await shake("10.0.0.2"), undefined);
  await w.clock.advance(1000);
  assert.equal(await shake("10.0.0.1"), undefined);
});

test("a full node takes nobody new, and who comes back", async () => {
  const w = new World({ limits: { connections: 2 } });
  const { node } = await w.node();
  const [{ token }] = [await w.begin(node), await w.begin(node)];
  const [refused] = await w.post(node, handshake());
  assert.equal(refused!.error, "503::Service unavailable");
  const { reconnect, interval } = refused!.advice as Message;
  assert.deepEqual([reconnect, interval], ["handshake", 5000]);
  assert.equal(await w.resumes(node, token), true);
});

for (const [name, disconnects, websocket] of [
  ["is told of the gap", false, {}],
  ["is disconnected where the server says so", true, { slowConsumer: "disconnect" }],
  ["is disconnected where the room says so", true, { slowConsumerInRooms: { defaultRoom: "disconnect" } }],
  [
    "is not where the room says otherwise",
    false,
    { slowConsumer: "disconnect", slowConsumerInRooms: { defaultRoom: "gap" } },
  ],
] as const) {
  test(`who reads too slowly ${name}`, async () => {
    const w = new World({ servers: { websocket }, topics: { maxMessages: 50 } });
    const { node } = await w.node();
    const [shaken] = await w.post(node, handshake({ ext: { actionwire: { client: 1 } } }));
    const { clientId, connectionId } = minted(shaken!);
    let writable = true;
    const sent: Message[] = [];
    const closed: [number, string][] = [];
    const socket: Link = {
      ...w.link,
      transport: "websocket",
      once: false,
      get writable() {
        return writable;
      },
      send: (text) => sent.push(...(JSON.parse(text) as Message[])),
      close: (code, reason) => closed.push([code, reason]),
    };
    node.gateway.receive([subscribe(clientId, lineOf(connectionId))], socket);
    node.gateway.receive([connect(clientId, { connectionType: "websocket" })], socket);
    await w.clock.advance(1500);
    writable = false;
    sent.length = 0;
    for (let n = 0; n < 3000; n += 1) await node.api.rooms.broadcast("defaultRoom", n);
    await w.clock.advance(5000);
    assert.equal(sent.length, 0);
    assert.deepEqual(closed, disconnects ? [[1008, "slow consumer"]] : []);
    assert.equal(node.counts().slow, disconnects ? 1 : 0);
    writable = true;
    node.gateway.drained(socket);
    await w.clock.advance(1000);
    const data = sent.map((message) => message.data as Message | undefined);
    const missed = data.flatMap((one) => (one?.gap ? [(one.gap as { missed: number }).missed] : []));
    const heard = data.flatMap((one) => (typeof one?.message === "number" ? [one.message] : []));
    // Received and announced gaps are what was sent.
    assert.equal(heard.length + missed.reduce((all, one) => all + one, 0), 3000);
    assert.equal(missed.length, 1);
    assert.equal(heard.at(-1), 2999);
  });
}

for (const [what, malformed] of [
  ["a channel that is none", { channel: "/a b", data: 1 }],
  ["a publish without data", { channel: "/a" }],
  ["a connect of no known type", { channel: "/meta/connect", connectionType: "pigeon" }],
] as const) {
  test(`malformed messages count as events of their session (${what}), those of nobody as nobody's`, async () => {
    const w = new World({ limits: { eventsPerSecond: 1, eventBurst: 20 } });
    const { node } = await w.node();
    const { clientId, line } = await w.begin(node);
    const ask = async () => (await w.post(node, publish(clientId, line, { event: "setIP" })))[0]!.error;
    for (let n = 0; n < 40; n += 1)
      await w.post(node, { ...malformed, clientId: `${clientId.slice(0, -1)}!` });
    assert.equal(await ask(), undefined);
    await w.post(node, ...Array.from({ length: 40 }, () => ({ ...malformed, clientId })));
    assert.equal(await ask(), "429::Too many requests");
    await w.clock.advance(3_000);
    assert.equal(await ask(), undefined);
  });
}
