/** Whose line is whose (DESIGN 4.4, 4.7, §8): what nobody but its session may do, and who may have it afterwards. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, describe, test } from "node:test";
import { eventually } from "../support/eventually.ts";
import type { TestServer } from "../support/server.ts";
import { counted, startApp, unique } from "./support/app.ts";
import { openPolling, openSocket } from "./support/by-hand.ts";
import { both, type Door, HttpDoor } from "./support/door.ts";
import { ask, post } from "./support/http.ts";
import { Line } from "./support/line.ts";
import {
  connect,
  disconnect,
  handshake,
  isDelivery,
  lineOf,
  type Message,
  minted,
  publish,
  subscribe,
} from "./support/messages.ts";

let server: TestServer;
/** Its application allows everything on plain channels. */
let open: TestServer;
const base = () => server.url;
before(async () => {
  const authenticate = ({ ext }: { ext: Readonly<Record<string, unknown>> }) =>
    typeof ext.token === "string" ? { user: ext.token } : null;
  server = await startApp({ hooks: { authenticate } });
  open = await startApp({ hooks: { authorizeChannel: () => true } });
});
after(() => Promise.all([server.close(), open.close()]));

/** A session with its line, without a library; what is delivered to it is asked for. */
async function holder(door: Door, shake: Message = handshake(), id?: string) {
  const { clientId, connectionId } = minted(await door.one(shake));
  const line = lineOf(id ?? connectionId);
  const reply = await door.one(subscribe(clientId, line));
  return { clientId, connectionId, line, claimed: reply.successful === true };
}

const deliveries = async (door: Door, clientId: string): Promise<Message[]> =>
  (await door.send([connect(clientId, { advice: { timeout: 0 } })], 1))
    .filter(isDelivery)
    .map(({ data }) => data as Message);

describe("another's line", { concurrency: 8 }, () => {
  for (const [policy, at] of [
    ["the default policy", () => server.url],
    ["everything plain allowed", () => open.url],
  ] as const) {
    test(`cannot be heard, also in an array and through wildcards (${policy})`, async () => {
      const alice = await Line.claim(await openSocket(at()));
      const door = new HttpDoor(at());
      const { clientId: H } = minted(await door.one(handshake()));
      const line = lineOf(alice.id);
      for (const names of [line, [line], ["/plain", line], [line, "/plain"]]) {
        const { successful, error } = await door.one(subscribe(H, names));
        assert.equal(successful, false);
        assert.match(String(error), /^403:/);
      }
      for (const names of ["/**", "/client/**", lineOf("*"), `${line}/*`, `${line}/**`, "/actionwire"]) {
        await door.one(subscribe(H, names));
      }
      await alice.ask({ event: "detailsView" });
      await alice.ask({ event: "action", params: { action: "echo", secret: 1 } });
      assert.deepEqual(await deliveries(door, H), []);
      await alice.close();
    });

    test(`cannot be had beside one's own, in any order, and is named (${policy})`, async () => {
      const alice = await Line.claim(await openSocket(at()));
      const theirs = lineOf(alice.id);
      for (const names of [
        (mine: string) => [theirs, mine],
        (mine: string) => [mine, theirs],
        (mine: string) => ["/plain", mine, theirs, "/other"],
      ]) {
        const door = new HttpDoor(at());
        const { clientId, connectionId } = minted(await door.one(handshake()));
        const mine = lineOf(connectionId);
        const { successful, error } = await door.one(subscribe(clientId, names(mine)));
        assert.equal(successful, false);
        assert.equal(error, `403:${theirs}:Forbidden channel`);
        // Nothing of it had effect.
        assert.equal((await door.one(publish(clientId, mine, { event: "setIP" }))).successful, false);
        assert.equal((await door.one(subscribe(clientId, [mine, mine, "/plain"]))).successful, true);
      }
      await alice.close();
    });

    test(`cannot be spoken on (${policy})`, async () => {
      const alice = await Line.claim(await openSocket(at()));
      const door = new HttpDoor(at());
      const H = await door.session();
      const replies = await door.send(
        [alice.id, `${alice.id}/x`, "*", alice.id.toUpperCase()].map((id, n) =>
          publish(H, lineOf(id), { event: "quit" }, { id: n }),
        ),
      );
      for (const { successful, error } of replies) {
        assert.equal(successful, false);
        assert.match(String(error), /^40[35]:/);
      }
      assert.equal((await alice.ask({ event: "setIP" })).messageCount, 1);
      await alice.close();
    });
  }

  both("a minted id that nobody has claimed yet is its session's", base, async (door) => {
    const { clientId: mine, connectionId } = minted(await door.one(handshake()));
    const H = await door.session();
    const line = lineOf(connectionId);
    assert.equal((await door.one(subscribe(H, line))).error, `403:${line}:Forbidden channel`);
    assert.equal(
      (await door.one(publish(H, line, { event: "quit" }))).error,
      `403:${line}:Forbidden channel`,
    );
    assert.equal((await door.one(subscribe(mine, line))).successful, true);
  });

  both("one message claims one line", base, async (door) => {
    const H = await door.session();
    const [one, other] = [randomUUID(), randomUUID()].map(lineOf);
    const { error } = await door.one(subscribe(H, [one, other]));
    assert.equal(error, `403:${other}:Forbidden channel`);
    assert.equal((await door.one(subscribe(H, one!))).successful, true);
  });

  both("ids that are no UUID v4 are nobody's", base, async (door) => {
    const H = await door.session();
    for (const id of ["1", "hello", randomUUID().toUpperCase(), `${randomUUID()}0`, `${randomUUID()}/a`]) {
      const line = lineOf(id);
      assert.equal((await door.one(subscribe(H, line))).error, `403:${line}:Forbidden channel`);
    }
  });

  test("who has the public id only has nothing", async () => {
    const door = new HttpDoor(base());
    const alice = await holder(door);
    const room = unique("room");
    const heard: Message[] = [];
    const answered = (count: number) =>
      eventually(async () => {
        heard.push(...(await deliveries(door, alice.clientId)));
        return heard.filter(({ context }) => context === "response").length === count;
      });
    await door.one(publish(alice.clientId, alice.line, { event: "roomChange", room }, { id: "r" }));
    await answered(1);
    const hex = alice.connectionId.replaceAll("-", "");
    for (const clientId of [
      alice.connectionId,
      hex,
      `${hex}${"0".repeat(40)}`,
      `${hex}${hex}00000000`,
      alice.clientId.toUpperCase(),
      `${alice.clientId} `,
      alice.clientId.slice(0, -1),
    ]) {
      const replies = await door.send([
        publish(clientId, alice.line, { event: "say", message: "stolen" }, { id: "p" }),
        subscribe(clientId, "/plain"),
        connect(clientId),
        disconnect(clientId),
      ]);
      for (const reply of replies) {
        assert.equal(reply.successful, false);
        assert.match(String(reply.error), /^401:/);
        assert.equal(JSON.stringify(reply).includes(alice.clientId), clientId.includes(alice.clientId));
      }
      const stream = await ask(`${base()}/faye/${encodeURIComponent(clientId)}`, {
        headers: { Accept: "text/event-stream" },
      });
      assert.equal(stream.status, 404);
      const resume = { client: 1, resume: { token: clientId, positions: {} } };
      const shaken = await door.one(handshake({ ext: { actionwire: resume } }));
      assert.notEqual(minted(shaken).connectionId, alice.connectionId);
    }
    // It is still there, and nothing was done in its name.
    await door.one(publish(alice.clientId, alice.line, { event: "setIP", messageId: "m" }, { id: "s" }));
    await answered(2);
    assert.deepEqual(heard.at(-1), {
      context: "response",
      messageCount: 2,
      messageId: "m",
      status: "OK",
      data: null,
    });
    assert.equal(
      heard.some(({ room: where, context }) => where === room && context === "user"),
      false,
    );
  });

  test("a clientId is not a resume token, nor a resume token a clientId", async () => {
    const door = new HttpDoor(base());
    const shaken = await door.one(handshake());
    const { clientId, connectionId } = minted(shaken);
    const { token } = (shaken.ext as { actionwire: { resume: { token: string } } }).actionwire.resume;
    assert.match(String((await door.one(publish(token, "/x", 1))).error), /^401:/);
    const resume = { client: 1, resume: { token: clientId, positions: {} } };
    const other = await door.one(handshake({ ext: { actionwire: resume } }));
    assert.notEqual(minted(other).connectionId, connectionId);
  });

  test("172: no answer to anybody holds another's clientId", async () => {
    const door = new HttpDoor(base());
    const [alice, bob] = [await holder(door), await holder(door)];
    const room = unique("room");
    for (const { clientId, line } of [alice, bob]) {
      await door.one(publish(clientId, line, { event: "roomChange", room }, { id: "r" }));
    }
    for (const event of ["say", "roomView", "detailsView", "documentation"]) {
      await door.one(publish(alice.clientId, alice.line, { event, message: "x" }, { id: event }));
    }
    const seen = JSON.stringify([
      await deliveries(door, bob.clientId),
      await deliveries(door, alice.clientId),
      (await ask(`${base()}/api`)).body,
      (await ask(`${base()}/metrics`)).body,
      server.logged.all,
    ]);
    for (const { clientId } of [alice, bob]) assert.equal(seen.includes(clientId.slice(32)), false);
  });
});

describe("a line whose session has ended", { concurrency: 8 }, () => {
  const shaken = async (cookie: string | undefined, token?: string) => {
    const headers: Record<string, string> = cookie === undefined ? {} : { Cookie: cookie };
    const { body, headers: answered } = await post(
      `${base()}/faye`,
      JSON.stringify([handshake(token === undefined ? {} : { ext: { token } })]),
      headers,
    );
    const [reply] = JSON.parse(body) as Message[];
    const set = answered["set-cookie"]?.find((one) => one.startsWith("BAYEUX_BROWSER="));
    return { ...minted(reply!), cookie: set?.split(";")[0] };
  };

  test("the cookie is HttpOnly and SameSite, and not set twice", async () => {
    const { headers } = await post(`${base()}/faye`, JSON.stringify([handshake()]));
    const cookie = headers["set-cookie"]?.find((one) => one.startsWith("BAYEUX_BROWSER="));
    assert.match(String(cookie), /; HttpOnly/);
    assert.match(String(cookie), /; SameSite=/);
    assert.equal((await shaken(cookie?.split(";")[0])).cookie, undefined);
  });

  test("is free again for the same browser only", async () => {
    const door = new HttpDoor(base());
    const first = await shaken(undefined);
    const id = randomUUID();
    assert.equal((await door.one(subscribe(first.clientId, lineOf(id)))).successful, true);
    const same = await shaken(first.cookie);
    const stranger = await shaken(undefined);
    // While it is held not even by the same.
    assert.match(String((await door.one(subscribe(same.clientId, lineOf(id)))).error), /^403:/);
    assert.equal((await door.one(disconnect(first.clientId))).successful, true);
    assert.match(String((await door.one(subscribe(stranger.clientId, lineOf(id)))).error), /^403:/);
    await eventually(async () => (await door.one(subscribe(same.clientId, lineOf(id)))).successful === true);
    assert.match(String((await door.one(subscribe(stranger.clientId, lineOf(id)))).error), /^403:/);
  });

  test("is free again for the same identity only", async () => {
    const door = new HttpDoor(base());
    const first = await shaken(undefined, "alice");
    const id = randomUUID();
    assert.equal((await door.one(subscribe(first.clientId, lineOf(id)))).successful, true);
    assert.equal((await door.one(disconnect(first.clientId))).successful, true);
    const bob = await shaken(undefined, "bob");
    assert.match(String((await door.one(subscribe(bob.clientId, lineOf(id)))).error), /^403:/);
    const again = await shaken(undefined, "alice");
    assert.equal((await door.one(subscribe(again.clientId, lineOf(id)))).successful, true);
  });
});

describe("repeats", { concurrency: 8 }, () => {
  both("an action that is retransmitted runs once and is counted once", base, async (door) => {
    const { clientId, line } = await holder(door);
    const key = unique("count");
    const call = publish(clientId, line, { event: "action", params: { action: "count", key } }, { id: "a" });
    const all: Message[] = [];
    for (let n = 0; n < 3; n += 1) all.push(...(await door.send([call])));
    all.push(...(await door.send([call, call])));
    all.push(
      ...(await door.send([publish(clientId, line, { event: "detailsView", messageId: "d" }, { id: "d" })])),
    );
    await eventually(async () => {
      all.push(...(await door.send([connect(clientId, { advice: { timeout: 0 } })], 1)));
      return all.some(({ data }) => (data as Message | undefined)?.messageId === "d");
    });
    assert.equal(counted.get(key), 1);
    const answers = all.filter(isDelivery).map(({ data }) => data as Message);
    assert.deepEqual(
      answers.filter((data) => "times" in data),
      [{ context: "response", messageCount: 1, times: 1 }],
    );
    const details = answers.find(({ messageId }) => messageId === "d")!;
    assert.equal(details.messageCount, 2);
    assert.equal((details.data as Message).totalActions, 1);
  });
});

describe("a second line of the same session", { concurrency: 8 }, () => {
  for (const [name, openLine] of [
    ["by polls", openPolling],
    ["on a socket", openSocket],
  ] as const) {
    test(`replaces the first, keeps the rooms and tells nobody (${name})`, async () => {
      const [room, other] = [unique("room"), unique("other")];
      const witness = await Line.claim(await openSocket(base()));
      await witness.ask({ event: "roomChange", room });
      const first = await Line.claim(await openLine(base()));
      await first.ask({ event: "roomChange", room });
      await first.ask({ event: "listenToRoom", room: other });
      await witness.heard.find(({ from }) => from === first.id);

      const second = await Line.claim(first.driver);
      assert.deepEqual(second.heard.all[0], {
        context: "api",
        welcome: "Hello! Welcome to the actionHero api",
        room,
      });
      const details = await second.ask({ event: "detailsView" });
      assert.equal(details.messageCount, 1);
      const { id, room: now, listeningRooms } = details.data as Message;
      assert.deepEqual([id, now, listeningRooms], [second.id, room, [other]]);
      const view = (await second.ask({ event: "roomView" })).data as {
        members: object;
        membersCount: number;
      };
      assert.deepEqual(Object.keys(view.members).sort(), [second.id, witness.id].sort());
      assert.equal(
        await first.publish({ event: "say", message: "x" }),
        `403:${lineOf(first.id)}:Forbidden channel`,
      );
      assert.equal(await server.api.connections.get(first.id), null);

      await witness.ask({ event: "say", message: "to all" });
      await second.heard.find(({ message }) => message === "to all");
      await second.ask({ event: "say", message: "from the second" });
      await witness.heard.find(({ message }) => message === "from the second");
      const told = witness.heard.all
        .filter((data) => data.context === "user" && data.room === room)
        .map(({ from, message }) => [from, message]);
      assert.deepEqual(told, [
        [first.id, "I have entered the room"],
        [second.id, "from the second"],
      ]);
      await Promise.all([second.close(), witness.close()]);
    });
  }
});

describe("the welcome", () => {
  test("comes before the answers to what shares its request, and after the acknowledgement", async () => {
    const door = new HttpDoor(base());
    const { clientId: H, connectionId } = minted(await door.one(handshake()));
    const line = lineOf(connectionId);
    const ask = (data: Message) => publish(H, line, data, { id: String(data.messageId) });
    const unit = [
      subscribe(H, line),
      ask({ event: "detailsView", messageId: "a" }),
      ask({ event: "roomChange", room: unique("room"), messageId: "b" }),
      ask({ event: "action", params: { action: "echo" }, messageId: "c" }),
      ask({ event: "nonsense", messageId: "d" }),
      connect(H),
    ];
    const heard = (await door.send(unit)).filter(isDelivery).map(({ data }) => data as Message);
    while (heard.length < 5) heard.push(...(await deliveries(door, H)));
    assert.equal(typeof heard[0]!.welcome, "string");
    // An action takes the time it takes.
    assert.deepEqual(
      heard
        .slice(1)
        .map(({ messageId }) => messageId)
        .sort(),
      ["a", "b", "c", "d"],
    );
  });
});
