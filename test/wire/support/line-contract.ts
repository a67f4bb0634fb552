/** DESIGN 4.4, by hand, over any client: the same conversations for each of them. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, describe, test } from "node:test";
import type { ServerOptions } from "../../../src/server.ts";
import { eventually } from "../../support/eventually.ts";
import type { TestServer } from "../../support/server.ts";
import { actions, startApp, unique } from "./app.ts";
import type { OpenDriver } from "./driver.ts";
import { Line, WELCOME } from "./line.ts";
import { lineOf, type Message, UUID4 } from "./messages.ts";

/** Rooms that a connection may have. */
const MOST_ROOMS = 4;

/** Registers the conversations for one client over one transport. `options` of the server that it speaks with. */
export function lineContract(
  name: string,
  open: OpenDriver,
  options: () => ServerOptions = () => ({}),
): void {
  describe(name, { concurrency: 8 }, () => {
    let server: TestServer;
    before(async () => {
      const { config, ...rest } = options();
      server = await startApp({
        ...rest,
        config: { ...config, limits: { rooms: MOST_ROOMS, ...config?.limits } },
      });
    });
    after(() => server.close());

    /** Runs a conversation between lines that are closed afterwards. */
    async function among(count: number, run: (...lines: Line[]) => Promise<void>): Promise<void> {
      const lines: Line[] = [];
      try {
        for (let n = 0; n < count; n += 1) lines.push(await Line.claim(await open(server.url)));
        await run(...lines);
      } finally {
        await Promise.all(lines.map((line) => line.close()));
      }
    }

    test("claims the line of the id it was given, and is welcomed", async () => {
      const driver = await open(server.url);
      try {
        assert.match(driver.connectionId, UUID4);
        const line = await Line.claim(driver, driver.connectionId);
        assert.deepEqual(line.heard.all[0], { context: "api", welcome: WELCOME, room: "defaultRoom" });
        const { data } = await line.ask({ event: "detailsView" });
        assert.equal((data as { id: string }).id, driver.connectionId);
      } finally {
        await driver.close();
      }
    });

    test("claims a line of its own making, and is welcomed once", async () => {
      await among(1, async (alice) => {
        assert.deepEqual(alice.heard.all[0], { context: "api", welcome: WELCOME, room: "defaultRoom" });
        assert.equal(await alice.driver.subscribe(lineOf(alice.id), alice.heard.push), null);
        await alice.ask({ event: "setIP" });
        assert.equal(alice.heard.all.filter((data) => "welcome" in data).length, 1);
      });
    });

    test("detailsView tells who and where it is", async () => {
      await among(1, async (alice) => {
        const since = Date.now();
        const answer = await eventually(async () => {
          const asked = await alice.ask({ event: "detailsView" });
          // Faye begins with polls until its socket is open.
          return (asked.data as { transport: string }).transport === alice.driver.transport ? asked : null;
        });
        const { messageCount, messageId, data, ...rest } = answer;
        const { connectedAt, remotePort, ...details } = data as { connectedAt: number; remotePort: number };
        assert.deepEqual(rest, { context: "response", status: "OK" });
        assert.equal(messageId, `ask${messageCount}`);
        assert.ok(connectedAt > since - 60_000 && connectedAt <= Date.now(), String(connectedAt));
        assert.ok(Number.isInteger(remotePort) && remotePort > 0, String(remotePort));
        assert.deepEqual(details, {
          id: alice.id,
          type: "webSocket",
          transport: alice.driver.transport,
          remoteIP: "127.0.0.1",
          room: "defaultRoom",
          listeningRooms: [],
          totalActions: 0,
          pendingActions: 0,
          params: {},
        });
      });
    });

    test("roomChange, roomView, listenToRoom, silenceRoom", async () => {
      await among(1, async (alice) => {
        const [room, other] = [unique("room"), unique("other")];
        const ok = { context: "response", status: "OK", data: true };
        const refused = (code: string, error: string) => ({
          context: "response",
          status: error,
          error,
          code,
          data: null,
        });
        const steps: [object, object][] = [
          [{ event: "roomChange", room }, ok],
          [{ event: "listenToRoom", room: other }, ok],
          [
            { event: "listenToRoom", room: other },
            refused("already_listening", "already listening to this room"),
          ],
          [{ event: "silenceRoom", room: other }, ok],
          [
            { event: "silenceRoom", room: other },
            refused("not_listening", "you are not listening to this room"),
          ],
          [{ event: "roomChange" }, refused("room_required", "room is required")],
        ];
        for (const [index, [said, answer]] of steps.entries()) {
          const count = { messageCount: index + 1, messageId: `ask${index + 1}` };
          assert.deepEqual(await alice.ask(said), { ...answer, ...count });
        }
        const { data, ...rest } = await alice.ask({ event: "roomView" });
        assert.deepEqual(rest, { context: "response", status: "OK", messageCount: 7, messageId: "ask7" });
        const { members, ...view } = data as { members: Record<string, { joinedAt: number }> };
        assert.deepEqual(view, { room, membersCount: 1 });
        const { joinedAt, ...member } = members[alice.id]!;
        assert.deepEqual(member, { id: alice.id, state: "online" });
        assert.ok(joinedAt <= Date.now() && joinedAt > Date.now() - 60_000);
        const details = (await alice.ask({ event: "detailsView" })).data as {
          room: string;
          listeningRooms: string[];
        };
        assert.deepEqual([details.room, details.listeningRooms], [room, []]);
      });
    });

    test("a say without a message, one room too many: refused, and the next ones are not", async () => {
      await among(2, async (alice, bob) => {
        const room = unique("room");
        await alice.ask({ event: "roomChange", room });
        await bob.ask({ event: "roomChange", room });
        const said = async (data: object) => {
          const { messageCount: _, messageId: __, ...answer } = await alice.ask({ event: "say", ...data });
          return answer;
        };
        const refused = (code: string, error: string) => ({
          context: "response",
          status: error,
          error,
          code,
          data: null,
        });
        const required = refused("message_required", "a message is required");
        for (const data of [{}, { message: "" }]) assert.deepEqual(await said(data), required);
        assert.equal((await said({ message: 0 })).status, "OK");
        await bob.heard.find(({ message }) => message === 0);
        assert.deepEqual(
          bob.said.map(({ message }) => message),
          [0],
        );
        const listen = async () => {
          const { code = null, error = null } = await alice.ask({
            event: "listenToRoom",
            room: unique("other"),
          });
          return [code, error];
        };
        const answers = [await listen(), await listen(), await listen(), await listen()];
        const full = ["too_many_rooms", "you are listening to too many rooms"];
        assert.deepEqual(answers, [[null, null], [null, null], [null, null], full]);
        const { listeningRooms } = (await alice.ask({ event: "detailsView" })).data as {
          listeningRooms: string[];
        };
        // With the one that she is in.
        assert.equal(listeningRooms.length + 1, MOST_ROOMS);
        assert.equal((await alice.ask({ event: "silenceRoom", room: listeningRooms[0] })).status, "OK");
        assert.deepEqual(await listen(), [null, null]);
      });
    });

    test("documentation, setIP, setPort, and a verb that does not exist", async () => {
      await among(1, async (alice) => {
        const { data, ...rest } = await alice.ask({ event: "documentation" });
        assert.deepEqual(rest, { context: "response", status: "OK", messageCount: 1, messageId: "ask1" });
        assert.deepEqual(Object.keys(data as object).sort(), actions.map((action) => action.name).sort());
        for (const event of ["setIP", "setPort"]) {
          const { status, data: answer } = await alice.ask({ event, ip: "10.1.2.3", port: 1 });
          assert.deepEqual([status, answer], ["OK", null]);
        }
        const details = (await alice.ask({ event: "detailsView" })).data as { remoteIP: string };
        assert.equal(details.remoteIP, "127.0.0.1");
        for (const event of ["file", "constructor", "toString", "__proto__", 7, null, undefined]) {
          const { messageCount: _, messageId: __, ...answer } = await alice.ask({ event });
          assert.deepEqual(answer, {
            context: "response",
            status: "verb not found or not allowed",
            error: "verb not found or not allowed",
            code: "unknown_verb",
            data: null,
          });
        }
      });
    });

    test("say is heard by the others of the room and by its listeners, not by itself", async () => {
      await among(3, async (alice, bob, carol) => {
        const room = unique("room");
        assert.equal((await alice.ask({ event: "roomChange", room })).status, "OK");
        assert.equal((await bob.ask({ event: "roomChange", room })).status, "OK");
        assert.equal((await carol.ask({ event: "listenToRoom", room })).status, "OK");
        const since = Date.now();
        const { status, data } = await alice.ask({ event: "say", message: { text: "hi ✓", n: [1, null] } });
        assert.deepEqual([status, data], ["OK", null]);
        assert.equal((await bob.ask({ event: "say", message: "hello" })).status, "OK");

        const fromAlice = { context: "user", from: alice.id, room, message: { text: "hi ✓", n: [1, null] } };
        const fromBob = { context: "user", from: bob.id, room, message: "hello" };
        await alice.heard.find((heard) => heard.message === "hello");
        await bob.heard.find((heard) => heard.from === alice.id && typeof heard.message === "object");
        await carol.heard.find((heard) => heard.message === "hello");
        const heardBy = (line: Line) =>
          line.said.map(({ sentAt, ...heard }) => {
            assert.ok((sentAt as number) >= since - 1000 && (sentAt as number) <= Date.now(), String(sentAt));
            return heard;
          });
        assert.deepEqual(heardBy(alice), [fromBob]);
        assert.deepEqual(heardBy(bob), [fromAlice]);
        assert.deepEqual(heardBy(carol), [fromAlice, fromBob]);
      });
    });

    test("entering and leaving are announced to members, not to oneself", async () => {
      await among(2, async (alice, bob) => {
        const room = unique("room");
        await alice.ask({ event: "roomChange", room });
        await bob.ask({ event: "roomChange", room });
        await bob.ask({ event: "roomChange", room: unique("elsewhere") });
        const left = await alice.heard.find(
          (heard) => heard.room === room && heard.message === "I have left the room",
        );
        const { sentAt: _, ...announced } = left;
        assert.deepEqual(announced, {
          context: "user",
          from: bob.id,
          room,
          message: "I have left the room",
        });
        const inRoom = (line: Line) =>
          line.heard.all
            .filter((heard) => heard.context === "user" && heard.room === room)
            .map(({ from, message }) => [from, message]);
        assert.deepEqual(inRoom(alice), [
          [bob.id, "I have entered the room"],
          [bob.id, "I have left the room"],
        ]);
        assert.deepEqual(inRoom(bob), []);
      });
    });

    test("what is no room's name, what is no action's", async () => {
      await among(1, async (alice) => {
        for (const event of ["roomView", "roomChange", "listenToRoom"]) {
          for (const room of [7, true, { a: 1 }, ["x"], "x".repeat(256)]) {
            assert.equal((await alice.ask({ event, room })).code, "invalid_room", `${event} ${String(room)}`);
          }
          assert.equal((await alice.ask({ event, room: "" })).code, "room_required");
        }
        assert.equal(
          ((await alice.ask({ event: "roomView", room: null })).data as Message).room,
          "defaultRoom",
        );
        const { code, error } = await alice.ask({ event: "action", params: {} });
        assert.equal(code, "unknown_action");
        assert.match(String(error), /^an action without a name is not/);
      });
    });

    test("197: an action, answered on the line: what it returns, or why it failed", async () => {
      await among(1, async (alice) => {
        const call = async (params: object) => {
          const { messageId, messageCount, ...answer } = await alice.ask({ event: "action", params });
          assert.equal(messageId, `ask${messageCount}`);
          return answer;
        };
        assert.deepEqual(await call({ action: "add", a: 1, b: "2" }), { context: "response", sum: 3 });
        assert.deepEqual(await call({ action: "sold" }), {
          context: "response",
          error: "no seats left",
          code: "sold_out",
          details: { seats: 0 },
        });
        assert.deepEqual(await call({ action: "nothing" }), {
          context: "response",
          error: "nothing is not a known action or that is not a valid apiVersion",
          code: "unknown_action",
        });
        const invalid = await call({ action: "add", a: "x", b: 1 });
        assert.equal(invalid.code, "invalid_inputs");
        assert.match(String(invalid.error), /^invalid inputs: a: /);
        const { errorId, ...broken } = await call({ action: "broken" });
        assert.deepEqual(broken, {
          context: "response",
          error: "the server experienced an internal error",
          code: "internal_error",
        });
        assert.equal(typeof errorId, "string");
        const details = (await alice.ask({ event: "detailsView" })).data as {
          totalActions: number;
          pendingActions: number;
          params: object;
        };
        assert.deepEqual(
          [details.totalActions, details.pendingActions, details.params],
          [5, 0, { action: "broken" }],
        );
      });
    });

    test("nobody else's line, no wildcard, no publish on a plain channel", async () => {
      await among(2, async (alice, bob) => {
        const { driver } = alice;
        const astray: Message[] = [];
        const stray = (data: Message) => void astray.push(data);
        assert.equal(
          await driver.subscribe(lineOf(bob.id), stray),
          `403:${lineOf(bob.id)}:Forbidden channel`,
        );
        assert.equal(
          await driver.publish(lineOf(bob.id), { event: "quit" }),
          `403:${lineOf(bob.id)}:Forbidden channel`,
        );
        assert.equal(await driver.subscribe("/**", stray), "403::wildcard subscriptions are not allowed");
        assert.equal(
          await driver.subscribe(lineOf("*"), stray),
          "403::wildcard subscriptions are not allowed",
        );
        assert.equal(
          await driver.subscribe(lineOf("not-a-uuid"), stray),
          `403:${lineOf("not-a-uuid")}:Forbidden channel`,
        );
        assert.equal(await driver.publish("/plain", 1), "403:/plain:Forbidden channel");
        assert.equal((await bob.ask({ event: "detailsView" })).messageCount, 1);
        await alice.ask({ event: "detailsView" });
        // Faye itself shows what comes on its own line to wildcards that the server refused; bob's is not among it.
        const own = alice.heard.all.map((data) => JSON.stringify(data));
        assert.deepEqual(
          astray.filter((data) => !own.includes(JSON.stringify(data))),
          [],
        );
      });
    });

    for (const event of ["quit", "exit"]) {
      test(`${event}: a goodbye, no response, and the id is free of it`, async () => {
        await among(2, async (alice, bob) => {
          const room = unique("room");
          await bob.ask({ event: "roomChange", room });
          await alice.ask({ event: "roomChange", room });
          assert.equal(await alice.publish({ event, messageId: "bye" }), null);
          const goodbye = await alice.heard.find((data) => data.status === "Bye!");
          assert.deepEqual(goodbye, { context: "api", status: "Bye!", reason: `${event} requested` });
          await bob.heard.find(
            (heard) => heard.message === "I have left the room" && heard.from === alice.id,
          );
          assert.equal(
            alice.heard.all.some((data) => data.messageId === "bye"),
            false,
          );
          assert.equal(await server.api.connections.get(alice.id), null);
        });
      });
    }

    test("one that never claimed a line says nothing to anybody", async () => {
      const driver = await open(server.url);
      try {
        const line = lineOf(driver.connectionId);
        assert.equal(
          await driver.publish(line, { event: "say", message: "x" }),
          `403:${line}:Forbidden channel`,
        );
        const other = lineOf(randomUUID());
        assert.equal(await driver.publish(other, { event: "quit" }), `403:${other}:Forbidden channel`);
      } finally {
        await driver.close();
      }
    });
  });
}
