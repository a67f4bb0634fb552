/** Where the application takes part (DESIGN 4.1, 4.7): what its hooks decide, as clients see it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Connection } from "../../src/api.ts";
import { ActionHeroWebSocket } from "../../src/client/index.ts";
import { type ChannelRequest, type Hooks, Refusal } from "../../src/hooks.ts";
import { eventually } from "../support/eventually.ts";
import type { TestServer } from "../support/server.ts";
import { startApp, TIMEOUT, unique } from "./support/app.ts";
import { openPolling, openSocket } from "./support/by-hand.ts";
import { HttpDoor } from "./support/door.ts";
import type { OpenDriver } from "./support/driver.ts";
import { newFaye, openFaye } from "./support/faye.ts";
import { post } from "./support/http.ts";
import { Line } from "./support/line.ts";
import {
  connect,
  handshake,
  isDelivery,
  lineOf,
  type Message,
  minted,
  publish,
  subscribe,
} from "./support/messages.ts";

async function withApp(
  hooks: Hooks,
  run: (server: TestServer) => Promise<void>,
  general: object = {},
): Promise<void> {
  const server = await startApp({ hooks, config: { general } });
  try {
    await run(server);
  } finally {
    await server.close();
  }
}

/** Lines over any clients, closed afterwards. */
async function among(
  server: TestServer,
  opens: readonly OpenDriver[],
  run: (...lines: Line[]) => Promise<void>,
): Promise<void> {
  const lines: Line[] = [];
  try {
    for (const open of opens) lines.push(await Line.claim(await open(server.url)));
    await run(...lines);
  } finally {
    await Promise.all(lines.map((line) => line.close()));
  }
}

/** Both kinds of carrier. */
const PAIR = [openSocket, openPolling];

const refused = (error: string) => ({
  context: "response",
  status: error,
  error,
  code: "not_authorized",
  data: null,
});

const outcome = async (line: Line, said: object): Promise<object> => {
  const { messageCount: _, messageId: __, ...answer } = await line.ask(said);
  return answer;
};

test("authenticate: headers, cookies, ext and address come in; a refusal is 403 and final", async () => {
  const seen: Message[] = [];
  const authenticate: Hooks["authenticate"] = async ({ headers, cookies, ext, remoteIP }) => {
    seen.push({ agent: headers["x-agent"], cookie: cookies.session, ext, remoteIP });
    if (ext.token === "good") return { user: 7 };
    if (ext.token === "stranger") throw new Refusal("no such token");
    throw new Error("a secret of the server");
  };
  await withApp({ authenticate }, async ({ url, logged }) => {
    const shake = async (token: string) => {
      const { body } = await post(`${url}/faye`, JSON.stringify([handshake({ id: "h", ext: { token } })]), {
        "X-Agent": "me",
        Cookie: "session=abc",
      });
      return (JSON.parse(body) as Message[])[0]!;
    };
    assert.equal((await shake("good")).successful, true);
    assert.deepEqual(seen, [{ agent: "me", cookie: "abc", ext: { token: "good" }, remoteIP: "127.0.0.1" }]);
    for (const [token, error] of [
      ["stranger", "403::no such token"],
      ["other", "403::Handshake denied"],
    ] as const) {
      const { supportedConnectionTypes: _, ...reply } = await shake(token);
      assert.deepEqual(reply, {
        id: "h",
        channel: "/meta/handshake",
        successful: false,
        version: "1.0",
        error,
        advice: { reconnect: "none", interval: 0, timeout: TIMEOUT * 1000 },
      });
    }
    assert.equal(
      logged.all.some(({ level }) => level === "error"),
      true,
    );
  });
});

test("authenticate: Faye that is refused stays away", async () => {
  let asked = 0;
  const authenticate = () => {
    asked += 1;
    throw new Refusal("closed today");
  };
  await withApp({ authenticate }, async ({ url }) => {
    const client = newFaye(url);
    client.disable("websocket");
    const told = new Promise<Message>((resolve) =>
      client.addExtension({
        incoming(message, next) {
          if (message.channel === "/meta/handshake") resolve(message);
          next(message);
        },
      }),
    );
    client.publish("/_welcome", "hello");
    assert.equal((await told).error, "403::closed today");
    // Whatever it were to send, it would be here before the answer to this.
    await new HttpDoor(url).one(publish(undefined, "/x", 1));
    assert.equal(asked, 1);
  });
});

test("identity: seen by actions' connections and hooks", async () => {
  const identities: unknown[] = [];
  const hooks: Hooks = {
    authenticate: ({ ext }) => ({ name: String(ext.name ?? "nobody") }),
    beforeAction: ({ connection }) => void identities.push(connection.identity),
    onConnect: (connection) => void identities.push(connection.identity),
  };
  await withApp(hooks, async (server) => {
    await among(server, PAIR, async (alice) => {
      await alice.ask({ event: "action", params: { action: "echo" } });
      await eventually(() => identities.length === 3);
      assert.deepEqual(identities, [{ name: "nobody" }, { name: "nobody" }, { name: "nobody" }]);
    });
  });
});

test("onConnect and onDisconnect: once for each connection, with the connection", async () => {
  const events: string[] = [];
  const hooks: Hooks = {
    onConnect: async (connection, api) => {
      events.push(`+${connection.id} ${connection.type} ${connection.room}`);
      await api.connections.send(connection.id, { hello: connection.id });
    },
    onDisconnect: (connection) => {
      events.push(`-${connection.id}`);
      throw new Error("a mistake of the application");
    },
  };
  await withApp(hooks, async (server) => {
    const ids: string[] = [];
    await among(server, PAIR, async (...lines) => {
      for (const line of lines) {
        ids.push(line.id);
        const hello = await line.heard.find((data) => data.hello === line.id);
        assert.deepEqual(hello, { context: "api", hello: line.id });
      }
    });
    await eventually(() => events.length >= 4);
    assert.deepEqual(
      [...events].sort(),
      ids.flatMap((id) => [`+${id} webSocket defaultRoom`, `-${id}`]).sort(),
    );
  });
});

test("authorizeRoom: join, listen, say and view, each on its own", async () => {
  const allowed = new Set<string>();
  const asked: string[] = [];
  const authorizeRoom: Hooks["authorizeRoom"] = async ({ connection, room, verb }) => {
    asked.push(`${verb} ${room} ${connection.type}`);
    if (room === "words") throw new Refusal("members only");
    if (room === "mistake") throw new Error("a secret of the server");
    // Anything but true refuses.
    if (room === "truthy") return 1;
    return allowed.has(verb);
  };
  // For the first room.
  allowed.add("join");
  await withApp({ authorizeRoom }, async (server) => {
    await among(server, PAIR, async (...lines) => {
      for (const line of lines) {
        allowed.clear();
        asked.length = 0;
        const room = unique("room");
        const no = refused("not authorized to use this room");
        assert.deepEqual(await outcome(line, { event: "roomChange", room }), no);
        assert.deepEqual(await outcome(line, { event: "listenToRoom", room }), no);
        assert.deepEqual(await outcome(line, { event: "say", message: "x" }), no);
        assert.deepEqual(await outcome(line, { event: "roomView" }), no);
        assert.deepEqual(await outcome(line, { event: "roomView", room }), no);
        assert.deepEqual(asked, [
          `join ${room} webSocket`,
          `listen ${room} webSocket`,
          "say defaultRoom webSocket",
          "view defaultRoom webSocket",
          `view ${room} webSocket`,
        ]);
        assert.deepEqual(
          await outcome(line, { event: "roomChange", room: "words" }),
          refused("members only"),
        );
        for (const other of ["mistake", "truthy"]) {
          assert.deepEqual(await outcome(line, { event: "roomChange", room: other }), no);
        }
        const { room: still, listeningRooms } = (await line.ask({ event: "detailsView" })).data as Message;
        assert.deepEqual([still, listeningRooms], ["defaultRoom", []]);
        const ok = { context: "response", status: "OK" };
        for (const [verb, said, data] of [
          ["listen", { event: "listenToRoom", room }, true],
          ["join", { event: "roomChange", room }, true],
          ["say", { event: "say", message: "x" }, null],
        ] as const) {
          allowed.clear();
          allowed.add(verb);
          assert.deepEqual(await outcome(line, said), { ...ok, data });
        }
        allowed.add("view");
        assert.equal(((await line.ask({ event: "roomView" })).data as Message).membersCount, 1);
      }
    });
  });
});

test("authorizeRoom: the first room is joined like any other; who may not begins in none", async () => {
  const asked: string[] = [];
  const authorizeRoom: Hooks["authorizeRoom"] = ({ connection: { id, identity }, room, verb }) => {
    asked.push(`${id} ${verb} ${room}`);
    if (room === "defaultRoom" && identity !== "alice") throw new Refusal("members only");
    return true;
  };
  const authenticate: Hooks["authenticate"] = ({ ext }) => (ext.token as string | undefined) ?? null;
  await withApp({ authorizeRoom, authenticate }, async (server) => {
    const members = async () => (await server.api.rooms.members("defaultRoom")).membersCount;
    await among(server, PAIR, async (...lines) => {
      for (const line of lines) {
        assert.deepEqual(line.heard.all[0], {
          context: "api",
          welcome: line.heard.all[0]!.welcome,
          room: null,
        });
        assert.deepEqual(
          asked.filter((one) => one.startsWith(line.id)),
          [`${line.id} join defaultRoom`],
        );
        const { room } = (await line.ask({ event: "detailsView" })).data as Message;
        assert.equal(room, null);
        assert.equal((await line.ask({ event: "say", message: "x" })).code, "not_in_room");
        assert.equal((await line.ask({ event: "roomView" })).code, "not_in_room");
        assert.equal((await line.ask({ event: "roomChange", room: "lobby" })).data, true);
      }
      assert.equal(await members(), 0);
    });
    const client = new ActionHeroWebSocket({ host: server.url });
    await client.connect();
    assert.equal(client.room, null);
    await assert.rejects(client.say("x"), { code: "not_in_room" });
    await client.roomChange("lobby");
    assert.equal(client.room, "lobby");
    assert.equal((await client.say("x")).status, "OK");
    await client.disconnect();
    const alice = new ActionHeroWebSocket({ host: server.url, token: "alice" });
    await alice.connect();
    assert.equal(alice.room, "defaultRoom");
    assert.equal(await members(), 1);
    await alice.disconnect();
  });
});

test("authorizeChannel: decides about subscribing and publishing, with who asks", async () => {
  const asked: ChannelRequest[] = [];
  const hooks: Hooks = {
    authenticate: () => "alice",
    authorizeChannel: async (request) => {
      asked.push(request);
      if (request.channel === "/words") throw new Refusal("not this one");
      if (request.channel === "/mistake") throw new Error("a secret of the server");
      return request.channel.startsWith("/open") ? true : "yes";
    },
  };
  await withApp(hooks, async ({ url }) => {
    const door = new HttpDoor(url);
    const { clientId: H, connectionId } = minted(await door.one(handshake()));
    const errors = async (message: Message) => (await door.one(message)).error ?? null;
    assert.equal(await errors(subscribe(H, "/open/**")), null);
    assert.equal(await errors(publish(H, "/open/a", 1)), null);
    assert.deepEqual(asked, [
      { session: { identity: "alice", connectionId: null }, channel: "/open/**", operation: "subscribe" },
      { session: { identity: "alice", connectionId: null }, channel: "/open/a", operation: "publish" },
    ]);
    assert.equal(await errors(subscribe(H, "/closed")), "403:/closed:Forbidden channel");
    assert.equal(await errors(publish(H, "/closed", 1)), "403:/closed:Forbidden channel");
    assert.equal(await errors(subscribe(H, ["/open/x", "/closed"])), "403:/closed:Forbidden channel");
    assert.equal(await errors(subscribe(H, "/words")), "403::not this one");
    assert.equal(await errors(publish(H, "/words", 1)), "403::not this one");
    assert.equal(await errors(publish(H, "/mistake", 1)), "403:/mistake:Forbidden channel");
    await door.one(subscribe(H, lineOf(connectionId)));
    await door.one(publish(H, "/open/b", 1));
    assert.deepEqual(asked.at(-1)?.session, { identity: "alice", connectionId });
    // The line is never a matter of this hook.
    assert.equal(
      asked.some(({ channel }) => channel.startsWith("/client/")),
      false,
    );
  });
});

test("authorizeChannel: a message that several patterns match is delivered once, to stock clients too", async () => {
  await withApp({ authorizeChannel: () => true }, async (server) => {
    for (const open of [openSocket, openPolling, openFaye("websocket"), openFaye("long-polling")]) {
      const driver = await open(server.url);
      const root = `/${unique("multi")}`;
      const heard = new Map<string, unknown[]>();
      for (const name of [`${root}/**`, `${root}/*`, `${root}/a`]) {
        const items: unknown[] = [];
        heard.set(name, items);
        assert.equal(await driver.subscribe(name, (data) => items.push(data)), null);
      }
      const door = new HttpDoor(server.url);
      const H = await door.session();
      await door.one(subscribe(H, [`${root}/**`, `${root}/*`, `${root}/a`]));
      assert.equal(await driver.publish(`${root}/a`, 1), null);
      await server.api.publish(`${root}/a`, 2);
      const wire = (await door.send([connect(H, { advice: { timeout: 0 } })], 1)).filter(isDelivery);
      assert.deepEqual(
        wire.map(({ data }) => data),
        [1, 2],
      );
      await eventually(() => heard.get(`${root}/a`)?.includes(2));
      assert.deepEqual(heard.get(`${root}/a`), [1, 2]);
      await driver.close();
    }
  });
});

test("plain channels without the hook: subscribe yes, publish no, the server publishes", async () => {
  await withApp({}, async (server) => {
    for (const open of [openSocket, openPolling]) {
      const driver = await open(server.url);
      const channel = `/${unique("news")}`;
      const heard: unknown[] = [];
      assert.equal(await driver.subscribe(channel, (data) => heard.push(data)), null);
      assert.equal(await driver.publish(channel, 1), `403:${channel}:Forbidden channel`);
      await server.api.publish(channel, { title: "one" });
      await server.api.publish(channel, null);
      await eventually(() => heard.length === 2);
      assert.deepEqual(heard, [{ title: "one" }, null]);
      await driver.close();
    }
    await assert.rejects(server.api.publish("/a/*", 1), TypeError);
    await assert.rejects(server.api.publish("nonsense", 1), TypeError);
    await assert.rejects(server.api.publish("/a", undefined), TypeError);
  });
});

test("connection.data: kept between calls, shared with api.connections, and JSON only", async () => {
  const failures: string[] = [];
  const hooks: Hooks = {
    beforeAction: ({ connection, params }) => {
      if (connection.type !== "webSocket") return;
      connection.data.calls = ((connection.data.calls as number | undefined) ?? 0) + 1;
      connection.data.last = { params: params as object };
      for (const value of [() => {}, 1n, Number.NaN, new Map(), new Date(), { deep: [Symbol("x")] }]) {
        try {
          connection.data.bad = value;
        } catch (error) {
          failures.push((error as Error).name);
        }
      }
    },
  };
  await withApp(hooks, async (server) => {
    await among(server, [openPolling], async (alice) => {
      for (const n of [1, 2]) await alice.ask({ event: "action", params: { action: "echo", n } });
      const { data } = (await server.api.connections.get(alice.id)) as Connection;
      assert.deepEqual({ ...data }, { calls: 2, last: { params: { n: 2 } } });
      assert.deepEqual(
        failures,
        Array.from({ length: 12 }, () => "TypeError"),
      );
    });
  });
});

test("the welcome message and the first room are the application's", async () => {
  const general = { welcomeMessage: "Salve", defaultChatRoom: "atrium" };
  await withApp(
    {},
    async (server) => {
      assert.equal(server.api.configData.defaultChatRoom, "atrium");
      assert.equal(server.api.configData.general.defaultChatRoom, "atrium");
      await among(server, PAIR, async (...lines) => {
        for (const line of lines) {
          assert.deepEqual(line.heard.all[0], { context: "api", welcome: "Salve", room: "atrium" });
        }
      });
    },
    general,
  );
});
