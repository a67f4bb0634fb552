/** What the server does to connections and rooms by itself (`server.api`), as clients see it. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { eventually } from "../support/eventually.ts";
import type { TestServer } from "../support/server.ts";
import { startApp, TIMEOUT, unique } from "./support/app.ts";
import { openPolling, openSocket } from "./support/by-hand.ts";
import { HttpDoor, Socket } from "./support/door.ts";
import type { OpenDriver } from "./support/driver.ts";
import { openFaye } from "./support/faye.ts";
import { Line } from "./support/line.ts";
import { connect, handshake, lineOf, type Message, minted, publish, subscribe } from "./support/messages.ts";

let server: TestServer;
before(async () => {
  server = await startApp({
    hooks: { authenticate: ({ ext }) => (typeof ext.user === "string" ? { user: ext.user } : null) },
  });
});
after(() => server.close());

async function among(opens: readonly OpenDriver[], run: (...lines: Line[]) => Promise<void>): Promise<void> {
  const lines: Line[] = [];
  try {
    for (const open of opens) lines.push(await Line.claim(await open(server.url)));
    await run(...lines);
  } finally {
    await Promise.all(lines.map((line) => line.close()));
  }
}

const isUnknown = { name: "UnknownConnection", code: "unknown_connection" };

for (const [name, open] of [
  ["a socket", openSocket],
  ["polls", openPolling],
  ["Faye", openFaye("websocket")],
] as const) {
  describe(`server.api, seen over ${name}`, { concurrency: 8 }, () => {
    test("connections.get and send", async () => {
      await among([open], async (alice) => {
        const found = await server.api.connections.get(alice.id);
        assert.deepEqual(
          [found?.id, found?.type, found?.room, found?.identity, found?.remoteIP],
          [alice.id, "webSocket", "defaultRoom", null, "127.0.0.1"],
        );
        await server.api.connections.send(alice.id, { note: 1 });
        await server.api.connections.send(alice.id, { note: 2 });
        await alice.heard.find(({ note }) => note === 2);
        assert.deepEqual(
          alice.heard.all.filter((data) => "note" in data),
          [
            { context: "api", note: 1 },
            { context: "api", note: 2 },
          ],
        );
      });
      const nobody = randomUUID();
      assert.equal(await server.api.connections.get(nobody), null);
      await assert.rejects(server.api.connections.send(nobody, {}), isUnknown);
      await assert.rejects(server.api.connections.disconnect(nobody), isUnknown);
      await assert.rejects(server.api.rooms.add("nonsense", "room"), isUnknown);
    });

    test("connections.disconnect", async () => {
      await among([open], async (alice) => {
        await server.api.connections.disconnect(alice.id, { reason: "enough" });
        const goodbye = await alice.heard.find(({ status }) => status === "Bye!");
        assert.deepEqual(goodbye, { context: "api", status: "Bye!", reason: "enough" });
        assert.equal(await server.api.connections.get(alice.id), null);
        await assert.rejects(server.api.connections.send(alice.id, {}), isUnknown);
      });
    });

    test("rooms.broadcast and members", async () => {
      await among([open, openSocket], async (alice, bob) => {
        const room = unique("room");
        await alice.ask({ event: "roomChange", room });
        await bob.ask({ event: "listenToRoom", room });
        await server.api.rooms.broadcast(room, { n: 1 });
        await server.api.rooms.broadcast(room, "as alice", { from: alice.id });
        await server.api.rooms.broadcast(room, "end");
        await alice.heard.find(({ message }) => message === "end");
        await bob.heard.find(({ message }) => message === "end");
        const told = (line: Line) =>
          line.said.map(({ context, from, room: where, message }) => ({
            context,
            from,
            room: where,
            message,
          }));
        const context = "user";
        const first = { context, from: null, room, message: { n: 1 } };
        const last = { context, from: null, room, message: "end" };
        assert.deepEqual(told(bob), [first, { context, from: alice.id, room, message: "as alice" }, last]);
        assert.deepEqual(told(alice), [first, last]);
        const { members, ...view } = await server.api.rooms.members(room);
        assert.deepEqual(view, { room, membersCount: 1 });
        assert.deepEqual(Object.keys(members), [alice.id]);
        // The last page is known as such, full or not.
        assert.equal((await server.api.rooms.members(room, { limit: 1 })).next, undefined);
        await assert.rejects(server.api.rooms.broadcast(room, undefined), TypeError);
      });
    });

    test("rooms.add, remove, listen, silence: done, told, and heard accordingly", async () => {
      await among([open], async (alice) => {
        const [room, other] = [unique("room"), unique("other")];
        const { rooms } = server.api;
        const place = async (): Promise<unknown[]> => {
          const found = await server.api.connections.get(alice.id);
          return [found?.room, found?.listeningRooms];
        };
        const told = () => alice.heard.all.filter((data) => "listeningRooms" in data);
        await rooms.broadcast(room, "before");
        await rooms.add(alice.id, room);
        assert.deepEqual(await place(), [room, []]);
        await rooms.broadcast(room, "in");
        await rooms.listen(alice.id, other);
        assert.deepEqual(await place(), [room, [other]]);
        await rooms.broadcast(other, "listening");
        await rooms.silence(alice.id, other);
        await rooms.broadcast(other, "silenced");
        await rooms.remove(alice.id, room);
        assert.deepEqual(await place(), [null, []]);
        await rooms.broadcast(room, "out");
        await eventually(() => told().length === 4);
        assert.deepEqual(told(), [
          { context: "api", room, listeningRooms: [] },
          { context: "api", room, listeningRooms: [other] },
          { context: "api", room, listeningRooms: [] },
          { context: "api", room: null, listeningRooms: [] },
        ]);
        const said = await alice.ask({ event: "say", message: "x" });
        assert.deepEqual([said.status, said.code], ["connection not in a room", "not_in_room"]);
        // Between two rooms there is no order.
        assert.deepEqual(alice.said.map(({ message }) => message).sort(), ["in", "listening"]);
      });
    });
  });
}

test("arguments that are none are refused by name, and nothing is stored", async () => {
  await among([openPolling], async (alice) => {
    const { connections, rooms, publish } = server.api;
    const long = "x".repeat(256);
    type Ask = (...given: never[]) => Promise<unknown>;
    const call = (ask: Ask, ...given: unknown[]) => ask(...(given as never[]));
    for (const room of ["", long, "é".repeat(128), undefined, null, 5, {}]) {
      for (const ask of [rooms.add, rooms.remove, rooms.listen, rooms.silence])
        await assert.rejects(call(ask, alice.id, room), { name: "TypeError", message: /^room must be / });
      for (const ask of [rooms.broadcast, rooms.members])
        await assert.rejects(call(ask, room, "hi"), { name: "TypeError", message: /^room must be / });
    }
    const refused: [what: Promise<unknown>, said: RegExp][] = [
      [call(rooms.broadcast, "r", undefined), /^message must be something JSON can carry, got nothing/],
      [call(rooms.broadcast, "r", { f() {} }), /^message must be .* message\.f is a function/],
      [call(rooms.broadcast, "r", "hi", { from: 5 }), /^from must be a text, got 5/],
      [call(rooms.members, "r", { limit: 0 }), /^limit must be /],
      [call(rooms.members, "r", { after: 1 }), /^after must be a text/],
      [call(connections.disconnect, alice.id, { reason: 5 }), /^reason must be a text/],
      [call(publish, "/a", 1n), /^data must be something JSON can carry/],
    ];
    for (const message of ["text", null, undefined, 5, ["list"]]) {
      refused.push([call(connections.send, alice.id, message), /^message must be an object/]);
      refused.push([call(connections.sendToIdentity, { user: "x" }, message), /^message must be an object/]);
    }
    for (const channel of ["/meta/connect", "/meta", "/a/*", "/**", "a", "", 5, `/${long}`, lineOf(alice.id)])
      refused.push([call(publish, channel, 1), /^channel must be a plain channel/]);
    for (const [what, said] of refused) await assert.rejects(what, { name: "TypeError", message: said });
    await rooms.broadcast("defaultRoom", "the only thing");
    await alice.heard.find(({ message }) => message === "the only thing");
    assert.equal(alice.heard.all.length, 2);
  });
});

test("a kick on a socket: goodbye, connect told to stay away, close; or told to come back", async () => {
  for (const willRetry of [false, true]) {
    const socket = await Socket.open(server.url);
    const { clientId, connectionId } = minted(await socket.one(handshake()));
    const line = lineOf(connectionId);
    await socket.one(subscribe(clientId, line));
    socket.send([connect(clientId, { id: "c", connectionType: "websocket" })]);
    await socket.one(publish(clientId, line, { event: "setIP" }));
    await server.api.connections.disconnect(connectionId, { reason: "out", willRetry });
    const reply = await socket.heard.find(({ id }) => id === "c");
    const timeout = TIMEOUT * 1000;
    assert.deepEqual(
      reply,
      willRetry
        ? {
            id: "c",
            channel: "/meta/connect",
            successful: false,
            error: "401::Session ended",
            advice: { reconnect: "handshake", interval: 0, timeout },
          }
        : {
            id: "c",
            channel: "/meta/connect",
            successful: true,
            advice: { reconnect: "none", interval: 0, timeout },
          },
    );
    assert.deepEqual(
      socket.heard.all
        .filter(({ channel }) => channel === line)
        .map(({ data }) => data)
        .at(-1),
      { context: "api", status: "Bye!", reason: "out" },
    );
    await eventually(() => socket.closedWith === 1000);
  }
});

test("a kick between two polls is told with the next one", async () => {
  const door = new HttpDoor(server.url);
  const { clientId, connectionId } = minted(await door.one(handshake()));
  await door.one(subscribe(clientId, lineOf(connectionId)));
  await door.send([connect(clientId, { advice: { timeout: 0 } })], 1);
  await server.api.connections.disconnect(connectionId, { reason: "out" });
  assert.deepEqual(await door.send([connect(clientId, { id: "c" })], 1), [
    { channel: lineOf(connectionId), data: { context: "api", status: "Bye!", reason: "out" } },
    {
      id: "c",
      channel: "/meta/connect",
      successful: true,
      advice: { reconnect: "none", interval: 0, timeout: TIMEOUT * 1000 },
    },
  ]);
});

test("sendToIdentity and disconnectIdentity reach each connection of an identity, and no other", async () => {
  const user = unique("user");
  const open = async (ext: object) => {
    const socket = await Socket.open(server.url);
    const { clientId, connectionId } = minted(await socket.one(handshake({ ext })));
    await socket.one(subscribe(clientId, lineOf(connectionId)));
    socket.send([connect(clientId, { id: "c", connectionType: "websocket" })]);
    const told = (word: string) =>
      socket.heard.all.map(({ data }) => (data ?? {}) as Message).filter((data) => word in data);
    return { socket, told, connectionId };
  };
  const mine = [await open({ user }), await open({ user })];
  const other = await open({ user: unique("user") });
  assert.equal(await server.api.connections.sendToIdentity({ user }, { note: "you" }), 2);
  for (const { told } of mine) await eventually(() => told("note").length === 1);
  assert.equal(await server.api.connections.disconnectIdentity({ user }, { reason: "all out" }), 2);
  for (const { told } of mine) await eventually(() => told("status").length === 1);
  assert.equal(await server.api.connections.sendToIdentity({ user }, { note: "again" }), 0);
  await server.api.connections.send(other.connectionId, { last: true });
  await eventually(() => other.told("last").length === 1);
  assert.deepEqual([other.told("note"), other.told("status")], [[], []]);
  await Promise.all([...mine, other].map(({ socket }) => socket.close()));
});
