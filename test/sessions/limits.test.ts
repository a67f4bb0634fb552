/** What one session, one address and one reader may cost. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Node } from "../../src/node-contract.ts";
import type { Link } from "../../src/sessions/gateway.ts";
import {
  connect,
  handshake,
  LINE,
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

/** One verb after the other, with the code of its response; "" when it was done. */
function asking(w: World, node: Node, { clientId, line }: { clientId: string; line: string }) {
  let n = 0;
  return async (event: string, room: string): Promise<string> => {
    n += 1;
    await w.post(node, publish(clientId, line, { event, room, messageId: n }));
    const data = (await w.poll(node, clientId)).map((message) => message.data as Message | undefined);
    const response = data.find((one) => one?.context === "response" && one.messageId === n);
    return String(response!.code ?? "");
  };
}

test("rooms: the one that it is in counts as those that it listens to, and once where it is both", async () => {
  const w = new World({ limits: { rooms: 3 } });
  const { node } = await w.node();
  const session = await w.begin(node);
  const ask = asking(w, node, session);
  assert.equal(await ask("listenToRoom", "a"), "");
  assert.equal(await ask("listenToRoom", "b"), "");
  assert.equal(await ask("listenToRoom", "c"), "too_many_rooms");
  assert.equal(await ask("listenToRoom", "defaultRoom"), "");
  // It would be in a fourth one.
  assert.equal(await ask("roomChange", "c"), "too_many_rooms");
  assert.equal(await ask("roomChange", "a"), "");
  assert.equal(await ask("roomChange", "b"), "");
  assert.equal(await ask("silenceRoom", "a"), "");
  assert.equal(await ask("roomChange", "c"), "");
  assert.equal(await ask("listenToRoom", "a"), "too_many_rooms");
  assert.equal(await ask("roomChange", "d"), "");
  const { room, listeningRooms } = (await node.api.connections.get(session.line.slice(LINE.length)))!;
  assert.deepEqual([room, [...listeningRooms].sort()], ["d", ["b", "defaultRoom"]]);
});

test("one room is enough to go from room to room", async () => {
  const w = new World({ limits: { rooms: 1 } });
  const { node } = await w.node();
  const ask = asking(w, node, await w.begin(node));
  assert.equal(await ask("listenToRoom", "a"), "too_many_rooms");
  for (const room of ["a", "b", "defaultRoom"]) assert.equal(await ask("roomChange", room), "");
});

test("rooms: the server's own doing is not limited, and who has too many by it may still change", async () => {
  const w = new World({ limits: { rooms: 1 } });
  const { node } = await w.node();
  const session = await w.begin(node);
  const ask = asking(w, node, session);
  for (const room of ["a", "b"]) {
    const listens = node.api.rooms.listen(session.line.slice(LINE.length), room);
    await w.clock.advance(100);
    await listens;
  }
  assert.equal(await ask("listenToRoom", "c"), "too_many_rooms");
  assert.equal(await ask("roomChange", "c"), "");
  assert.equal(await ask("roomChange", "a"), "");
  // Fewer than before, and now more again.
  assert.equal(await ask("roomChange", "c"), "too_many_rooms");
});

test("a hundred rooms unless told otherwise", async () => {
  const w = new World({ limits: { eventsPerSecond: 0 } });
  const { node } = await w.node();
  const ask = asking(w, node, await w.begin(node));
  for (let n = 1; n < 100; n += 1) assert.equal(await ask("listenToRoom", `room ${n}`), "");
  assert.equal(await ask("listenToRoom", "one more"), "too_many_rooms");
});

for (const [whose, ext] of [
  ["any client", {}],
  ["ours", { actionwire: { client: 1 } }],
  ["one that acknowledges", { ack: true }],
] as const) {
  test(`two connects of a session in one unit are both answered, and what it is owed comes once (${whose})`, async () => {
    const w = new World();
    const { node } = await w.node();
    const [shaken] = await w.post(node, handshake({ ext }));
    const { clientId, connectionId } = minted(shaken!);
    await w.post(node, subscribe(clientId, lineOf(connectionId)));
    const poll = (id: string) =>
      connect(clientId, { id, ext: { actionwire: { positions: {} } }, advice: { timeout: 0 } });
    const answers = await w.post(node, poll("a"), poll("b"));
    const replies = answers.filter(({ channel }) => channel === "/meta/connect");
    assert.deepEqual(
      replies.map(({ id, successful }) => [id, successful]),
      [
        ["a", true],
        ["b", true],
      ],
    );
    const greetings = answers.filter(({ data }) => (data as Message | undefined)?.welcome !== undefined);
    assert.equal(greetings.length, 1);
    await w.post(node, publish(clientId, lineOf(connectionId), { event: "detailsView", messageId: 1 }));
    const later = [...(await w.post(node, poll("c"))), ...(await w.post(node, poll("d")))];
    assert.equal(later.filter(({ data }) => (data as Message | undefined)?.messageId === 1).length, 1);
  });
}
