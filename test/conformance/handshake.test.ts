/** BAYEUX 7.2, handshake. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Refusal } from "../../src/hooks.ts";
import { eventually } from "../support/eventually.ts";
import { startApp, TIMEOUT, unique } from "../wire/support/app.ts";
import { both, HttpDoor, Socket } from "../wire/support/door.ts";
import { ask } from "../wire/support/http.ts";
import { alike, FOREIGN, OURS } from "../wire/support/judged.ts";
import {
  again,
  connect,
  handshake,
  type Message,
  minted,
  publish,
  subscribe,
  TYPES,
  UUID4,
} from "../wire/support/messages.ts";
import { openTarget, type Target } from "../wire/support/target.ts";

let server: Target;
const base = () => server.url;
before(async () => {
  server = await openTarget({
    hooks: {
      authorizeChannel: () => true,
      authenticate: ({ ext }) => {
        if (ext.refuse === "with words") throw new Refusal("not you");
        if (ext.refuse) throw new Error("a secret of the server");
        return null;
      },
    },
  });
});
after(() => server.close());

const none = { reconnect: "none", interval: 0, timeout: TIMEOUT * 1000 };

function accepted(name: string, message: Message, negotiated: readonly string[] = []): void {
  both(name, base, async (door) => {
    const { clientId, ext, ...reply } = await door.one({ ...message, id: "h" });
    alike(reply, {
      id: "h",
      channel: "/meta/handshake",
      successful: true,
      version: "1.0",
      supportedConnectionTypes: TYPES,
      advice: again(TIMEOUT),
    });
    assert.match(clientId as string, /^[0-9A-Za-z]{22,}$/);
    assert.notEqual(clientId, message.clientId);
    assert.ok((reply.supportedConnectionTypes as string[]).includes("long-polling"));
    if (FOREIGN) return;
    const { actionwire, ...others } = ext as { actionwire: { connectionId: string; resume: object } };
    // Only what was asked for and is known here (case 53).
    alike(Object.keys(others), negotiated);
    const { connectionId, resume, ...more } = actionwire;
    alike(more, { limits: { message: 131_072 } });
    assert.match(connectionId, UUID4);
    const { token, ...rest } = resume as { token: string };
    assert.match(token, /^[0-9a-z]{32,}$/);
    assert.notEqual(token, clientId);
    alike(rest, { resumed: false, grace: 120 });
  });
}

function refused(name: string, message: Message, error: string, advice: object = none): void {
  both(name, base, async (door) => {
    alike(await door.one({ ...message, id: "h" }), {
      id: "h",
      channel: "/meta/handshake",
      successful: false,
      version: "1.0",
      supportedConnectionTypes: TYPES,
      error,
      advice,
    });
  });
}

describe("7.2 handshake", { concurrency: 8 }, () => {
  accepted("41, 60: a plain one", handshake());
  accepted(
    "42: of a client that only speaks websocket",
    handshake({ supportedConnectionTypes: ["websocket"] }),
  );
  accepted("50: version 1, a number", handshake({ version: 1 }));
  accepted("51: CometD's", handshake({ minimumVersion: "1.0", advice: { timeout: 60_000, interval: 0 } }));
  accepted("52: with a clientId", handshake({ clientId: "abcdefghijklmnopqrstuvwxyz123" }));
  accepted(
    "53: with ext",
    handshake({ ext: { timesync: { tc: 1 }, secret: "x", actionwire: { client: 1 } } }),
    ["timesync"],
  );

  refused(
    "43: no type of ours",
    handshake({ supportedConnectionTypes: ["iframe", "flash"] }),
    "301:iframe,flash:Connection types not supported",
  );
  refused(
    "44: no type at all",
    handshake({ supportedConnectionTypes: [] }),
    "301::Connection types not supported",
  );
  refused(
    "45: types missing",
    { channel: "/meta/handshake", version: "1.0" },
    "402:supportedConnectionTypes:Missing required parameter",
  );
  refused(
    "46: types a string",
    handshake({ supportedConnectionTypes: "long-polling" }),
    "301:long-polling:Connection types not supported",
  );
  refused(
    "46: types an object",
    handshake({ supportedConnectionTypes: {} }),
    "301::Connection types not supported",
  );
  refused(
    "47: 10000 types",
    handshake({ supportedConnectionTypes: Array.from({ length: 10_000 }, (_, n) => `t${n}`) }),
    "301:t0,t1,t2,t3,t4,t5,t6,t7:Connection types not supported",
  );
  refused(
    "47: types that are no strings",
    handshake({ supportedConnectionTypes: [1, null, {}] }),
    "301::Connection types not supported",
  );
  refused(
    "48: version missing",
    { channel: "/meta/handshake", supportedConnectionTypes: ["long-polling"] },
    "402:version:Missing required parameter",
  );
  refused("49: version 9.9", handshake({ version: "9.9" }), "300:9.9:Version mismatch");
  if (!FOREIGN) {
    refused("56: denied by the application", handshake({ ext: { refuse: true } }), "403::Handshake denied");
    refused("56: denied with words", handshake({ ext: { refuse: "with words" } }), "403::not you");
  }

  both("54: two handshakes in one array", base, async (door) => {
    const replies = await door.send([handshake({ id: "1" }), handshake({ id: "2" })]);
    alike(replies.map(({ id }) => id).sort(), ["1", "2"]);
    assert.equal(new Set(replies.map((reply) => minted(reply).clientId)).size, 2);
  });
  both("55: what comes with a handshake is judged by its own clientId", base, async (door) => {
    const H = await door.session();
    const replies = await door.send([
      handshake({ id: "h" }),
      publish(H, "/foo", 1, { id: "own" }),
      publish(undefined, "/foo", 1, { id: "nobody" }),
      publish("made-up", "/foo", 1, { id: "unknown" }),
    ]);
    const byId = new Map(replies.map((reply) => [reply.id, reply]));
    assert.equal(byId.get("h")?.successful, true);
    alike(byId.get("own"), { id: "own", channel: "/foo", successful: true });
    alike(byId.get("nobody"), {
      id: "nobody",
      channel: "/foo",
      successful: false,
      error: "402:clientId:Missing required parameter",
    });
    alike(byId.get("unknown"), {
      id: "unknown",
      channel: "/foo",
      successful: false,
      error: "401:made-up:Unknown client",
    });
  });

  test("57: a thousand clientIds", async () => {
    const door = new HttpDoor(base());
    const unit = Array.from({ length: 1000 }, (_, id) => handshake({ id }));
    const ids = (await door.send(unit)).map((reply) => minted(reply).clientId);
    assert.equal(new Set(ids).size, 1000);
    for (const id of ids) assert.match(id, /^[0-9A-Za-z]{25,}$/);
    // The public half is no help with the secret one: those differ in most of their characters.
    const secrets = new Set(ids.map((id) => id.slice(-26)));
    assert.equal(secrets.size, 1000);
  });

  test("58: shaken on a socket, connected by a request", async () => {
    const socket = await Socket.open(base());
    const H = await socket.session();
    const reply = await new HttpDoor(base()).one(connect(H, { id: "c", advice: { timeout: 0 } }));
    alike(reply, { id: "c", channel: "/meta/connect", successful: true, advice: again(TIMEOUT) });
    await socket.close();
  });
});

test("56: while the server goes down: later, and elsewhere", OURS, async () => {
  const going = await startApp();
  const key = unique("held");
  const door = new HttpDoor(going.url);
  const { clientId, connectionId } = minted(await door.one(handshake()));
  const line = `/client/websocket/connection/${connectionId}`;
  await door.one(subscribe(clientId, line));
  await door.one(publish(clientId, line, { event: "action", params: { action: "hold", key } }));
  const stopped = going.stop({ bound: 5000 });
  const reply = await eventually(async () => {
    const one = await door.one(handshake({ id: "late" }));
    return one.successful === false ? one : null;
  });
  await ask(`${server.url}/api/release?key=${key}`);
  await stopped;
  alike(reply, {
    id: "late",
    channel: "/meta/handshake",
    successful: false,
    version: "1.0",
    supportedConnectionTypes: TYPES,
    error: "503::The server is shutting down",
    advice: { reconnect: "handshake", interval: 5000, timeout: TIMEOUT * 1000 },
  });
});

test("59: a session that is not heard of is gone after the grace time", OURS, async () => {
  const strict = await startApp({ config: { faye: { timeout: 1, grace: 1 } } });
  try {
    const door = new HttpDoor(strict.url);
    const { clientId, connectionId } = minted(await door.one(handshake()));
    await door.one(subscribe(clientId, `/client/websocket/connection/${connectionId}`));
    assert.notEqual(await strict.api.connections.get(connectionId), null);
    await eventually(async () => (await strict.api.connections.get(connectionId)) === null);
    alike(await door.one(connect(clientId, { id: "c" })), {
      id: "c",
      channel: "/meta/connect",
      successful: false,
      error: `401:${clientId}:Unknown client`,
      advice: { reconnect: "handshake", interval: 0, timeout: 1000 },
    });
  } finally {
    await strict.close();
  }
});
