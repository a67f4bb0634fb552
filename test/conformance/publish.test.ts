/** BAYEUX 7.5 and 7.6, publish and disconnect. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { after, before, describe, test } from "node:test";
import { eventually } from "../support/eventually.ts";
import { startApp, TIMEOUT, unique } from "../wire/support/app.ts";
import { both, type Door, HttpDoor, Socket } from "../wire/support/door.ts";
import { alike, OURS } from "../wire/support/judged.ts";
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
} from "../wire/support/messages.ts";
import { openTarget, type Target } from "../wire/support/target.ts";

let server: Target;
const base = () => server.url;
before(async () => {
  server = await openTarget();
});
after(() => server.close());

const fine = (channel: string, id: unknown = "p") => ({ channel, id, successful: true });

/** What the session is delivered with `units` and a connect after them. */
async function hears(door: Door, H: string, ...units: (readonly Message[])[]): Promise<Message[]> {
  const all: Message[] = [];
  for (const unit of units) all.push(...(await door.send(unit)));
  all.push(...(await door.send([connect(H, { advice: { timeout: 0 } })])));
  return all.filter(isDelivery);
}

async function listener(door: Door): Promise<{ H: string; channel: string }> {
  const channel = `/${unique("plain")}`;
  const H = await door.session();
  assert.equal((await door.one(subscribe(H, channel))).successful, true);
  return { H, channel };
}

describe("7.5 publish", { concurrency: 8 }, () => {
  both("102, 110, 111: the acknowledgement, and the delivery to the publisher itself", base, async (door) => {
    const { H, channel } = await listener(door);
    const heard: Message[] = [];
    const replies = await door.send([publish(H, channel, { x: 1 }, { id: "p", ext: { secret: 1 } })]);
    alike(
      replies.filter((message) => !isDelivery(message)),
      [fine(channel)],
    );
    heard.push(...replies.filter(isDelivery), ...(await hears(door, H)));
    alike(heard, [{ channel, data: { x: 1 } }]);
  });

  for (const data of [null, false, 0, "", [], {}]) {
    both(`103: data ${JSON.stringify(data)}`, base, async (door) => {
      const { H, channel } = await listener(door);
      alike(await hears(door, H, [publish(H, channel, data, { id: "p" })]), [{ channel, data }]);
    });
  }

  for (const [name, message, error] of [
    ["104: no data", { channel: "/foo", clientId: "H" }, "402:data:Missing required parameter"],
    ["105: no clientId", publish(undefined, "/foo", 1), "402:clientId:Missing required parameter"],
    ["106: an unknown clientId", publish("made-up", "/foo", 1), "401:made-up:Unknown client"],
  ] as const) {
    both(name, base, async (door) => {
      alike(await door.one({ ...message, id: "p" }), {
        id: "p",
        channel: "/foo",
        successful: false,
        error,
      });
    });
  }

  both("107, 108: fields of a reply are neither obeyed nor passed on", base, async (door) => {
    const { H, channel } = await listener(door);
    const strange = { id: "p", error: "407::x", successful: true, advice: { reconnect: "none" }, foo: 1 };
    alike(await hears(door, H, [publish(H, channel, 1, strange)]), [{ channel, data: 1 }]);
  });

  both("109: /service is acknowledged and heard by nobody", base, async (door) => {
    const H = await door.session();
    await door.one(subscribe(H, `/${unique("mine")}/**`));
    const service = `/service/${unique("x")}`;
    alike(await door.one(publish(H, service, 1, { id: "q" })), fine(service, "q"));
    alike(await hears(door, H), []);
    // Everything that is delivered at all reaches this one.
    const all = new HttpDoor(base());
    const E = await all.session();
    await all.one(subscribe(E, "/**"));
    await door.one(publish(H, service, 2, { id: "r" }));
    const seen = (await hears(all, E)).filter(({ channel }) => channel === service);
    alike(seen, []);
  });

  both("112: the same again is answered again and not done again", base, async (door) => {
    const { H, channel } = await listener(door);
    const message = publish(H, channel, { n: 1 }, { id: "p" });
    alike(await hears(door, H, [message], [message], [message, message]), [{ channel, data: { n: 1 } }]);
    alike(await door.one(message), fine(channel));
  });

  both("113: the same id with other data is another message", base, async (door) => {
    const { H, channel } = await listener(door);
    const units = [1, 2, 3].map((n) => [publish(H, channel, n, { id: "p" })]);
    alike(
      (await hears(door, H, ...units)).map(({ data }) => data),
      [1, 2, 3],
    );
  });

  both("185: CometD's ids start again in the same session", base, async (door) => {
    const channel = `/${unique("reload")}`;
    const shaken = await door.one(
      handshake({ minimumVersion: "1.0", advice: { timeout: 60_000, interval: 0 } }),
    );
    const { clientId: H } = minted(shaken);
    await door.one(subscribe(H, channel));
    const message = publish(H, channel, "same", { id: "2" });
    assert.equal((await hears(door, H, [message], [message])).length, 2);
  });

  test("114: a hundred on one socket are heard in their order by everybody", async () => {
    const speaker = await Socket.open(base());
    const ears = await Promise.all([Socket.open(base()), Socket.open(base())]);
    const channel = `/${unique("order")}`;
    for (const ear of ears) {
      const H = await ear.session();
      await ear.one(subscribe(H, channel));
      ear.send([connect(H, { connectionType: "websocket" })]);
    }
    const H = await speaker.session();
    for (let n = 0; n < 100; n += 1) speaker.send([publish(H, channel, n, { id: `${n}` })]);
    for (const ear of ears) {
      await ear.heard.find(({ data }) => data === 99);
      alike(
        ear.deliveries.map(({ data }) => data),
        Array.from({ length: 100 }, (_, n) => n),
      );
    }
    await Promise.all([speaker, ...ears].map((socket) => socket.close()));
  });

  both("115: __proto__ and friends are data", base, async (door) => {
    const { H, channel } = await listener(door);
    const data =
      '{"__proto__":{"polluted":1},"constructor":{"prototype":{"polluted":1}},"hasOwnProperty":1,"toJSON":2}';
    await door
      .raw(`[{"channel":"${channel}","clientId":"${H}","id":"p","data":${data}}]`, 1)
      .then((messages) => {
        const seen = messages.filter(isDelivery);
        if (seen.length > 0) assert.equal(JSON.stringify(seen[0]?.data), data);
      });
    const heard = await hears(door, H);
    if (door.name === "HTTP") assert.equal(JSON.stringify(heard[0]?.data), data);
    assert.equal("polluted" in {}, false);
  });

  both("116: nested 20000 deep", base, async (door) => {
    const { H, channel } = await listener(door);
    const deep = `${"[".repeat(20_000)}${"]".repeat(20_000)}`;
    const text = `[{"channel":"${channel}","clientId":"${H}","id":"deep","data":${deep}},${JSON.stringify(publish(H, channel, 1, { id: "p" }))}]`;
    const messages = (await door.raw(text, 2)).filter((message) => !isDelivery(message));
    alike(
      messages.sort((a, b) => (String(a.id) < String(b.id) ? -1 : 1)),
      [{ id: "deep", channel, successful: false, error: "400::Message nested too deeply" }, fine(channel)],
    );
  });

  both("117: a message too large, and the way stays open", base, async (door) => {
    const { H, channel } = await listener(door);
    alike(await door.one(publish(H, channel, "x".repeat(140_000), { id: "large" })), {
      id: "large",
      channel,
      successful: false,
      error: "413::Message too large",
    });
    alike(await hears(door, H, [publish(H, channel, 1, { id: "p" })]), [{ channel, data: 1 }]);
  });

  both("119: numbers, unicode, U+2028, lone surrogates", base, async (door) => {
    const { H, channel } = await listener(door);
    const data = [
      "\u2028\u2029",
      "\u{1f600}",
      "\ud83d",
      "a\ude00\ud83db",
      { "\ude00": "\ud83d\ud83d\ude00" },
      "é",
      "\u0000",
      1e21,
      -0.1,
      Number.MAX_SAFE_INTEGER,
      "</script>",
    ];
    alike(await hears(door, H, [publish(H, channel, data, { id: "p" })]), [
      { channel, data: JSON.parse(JSON.stringify(data)) as unknown },
    ]);
  });
});

test(
  "118: a subscriber that falls behind the log's bound gets what is left, and the publisher does not notice",
  OURS,
  async () => {
    const small = await startApp({
      hooks: { authorizeChannel: () => true },
      config: { topics: { maxMessages: 5 } },
    });
    try {
      const door = new HttpDoor(small.url);
      const { clientId: H, connectionId } = minted(await door.one(handshake()));
      const line = lineOf(connectionId);
      assert.equal((await door.one(subscribe(H, [line, "/many"]))).successful, true);
      // More than the node itself keeps for its readers.
      const total = 3000;
      for (let n = 0; n < total; n += 1) await small.api.publish("/many", n);
      const heard: Message[] = [];
      await eventually(async () => {
        const answer = await door.send([connect(H, { id: "c", advice: { timeout: 0 } })], 1);
        heard.push(...answer.filter(isDelivery));
        return heard.some(({ data }) => data === total - 1);
      });
      const numbers = heard.filter(({ channel }) => channel === "/many").map(({ data }) => data as number);
      const missed = total - numbers.length;
      assert.ok(missed > 0 && numbers.length >= 5, `${numbers.length} of ${total} heard`);
      alike(
        numbers,
        Array.from({ length: numbers.length }, (_, n) => missed + n),
      );
      const gaps = heard.filter(({ data }) => typeof data === "object" && data !== null && "gap" in data);
      alike(gaps, [
        { channel: line, data: { context: "api", gap: { room: null, channel: "/many", missed } } },
      ]);
      assert.ok(heard.indexOf(gaps[0]!) < heard.findIndex(({ channel }) => channel === "/many"));
    } finally {
      await small.close();
    }
  },
);

describe("7.6 disconnect", { concurrency: 8 }, () => {
  const shakeAgain = { reconnect: "handshake", interval: 0, timeout: TIMEOUT * 1000 };

  both("120, 124: the session is gone; the same disconnect again is fine", base, async (door) => {
    const H = await door.session();
    for (const id of ["d", "d"]) {
      alike(await door.one(disconnect(H, { id })), {
        id,
        channel: "/meta/disconnect",
        successful: true,
      });
    }
    alike(await door.one(connect(H, { id: "c" })), {
      id: "c",
      channel: "/meta/connect",
      successful: false,
      error: `401:${H}:Unknown client`,
      advice: shakeAgain,
    });
    alike(await door.one(publish(H, "/foo", 1, { id: "p" })), {
      id: "p",
      channel: "/foo",
      successful: false,
      error: `401:${H}:Unknown client`,
    });
  });

  test("121: a held request is answered", async () => {
    const door = new HttpDoor(base());
    const { H } = await listener(door);
    const held = door.send([connect(H, { id: "c" })]);
    await door.one(publish(H, `/${unique("x")}`, 1, { id: "p" }));
    const since = performance.now();
    assert.equal((await door.one(disconnect(H))).successful, true);
    const [reply] = await held;
    assert.ok(performance.now() - since < TIMEOUT * 1000 - 500);
    alike(reply, {
      id: "c",
      channel: "/meta/connect",
      successful: true,
      advice: { reconnect: "none", interval: 0, timeout: TIMEOUT * 1000 },
    });
  });

  test("122: on a socket: connect reply, disconnect reply, close 1000", async () => {
    const socket = await Socket.open(base());
    const H = await socket.session();
    socket.send([connect(H, { id: "c", connectionType: "websocket" })]);
    await socket.one(publish(H, `/${unique("x")}`, 1, { id: "p" }));
    const closed = once(socket.ws, "close");
    socket.send([disconnect(H, { id: "d" })]);
    await closed;
    alike(
      socket.heard.all.slice(2).map(({ id, successful }) => [id, successful]),
      [
        ["c", true],
        ["d", true],
      ],
    );
    assert.equal(socket.closedWith, 1000);
  });

  for (const [clientId, error] of [
    ["made-up", "401:made-up:Unknown client"],
    [undefined, "402:clientId:Missing required parameter"],
  ] as const) {
    both(`123: clientId ${clientId}`, base, async (door) => {
      alike(await door.one(disconnect(clientId, { id: "d" })), {
        id: "d",
        channel: "/meta/disconnect",
        successful: false,
        error,
      });
    });
  }

  test("125: others hear of it once", OURS, async () => {
    const door = new HttpDoor(base());
    const room = unique("room");
    const member = async () => {
      const { clientId, connectionId } = minted(await door.one(handshake()));
      const line = lineOf(connectionId);
      await door.one(subscribe(clientId, line));
      await door.one(publish(clientId, line, { event: "roomChange", room }, { id: "r" }));
      return { clientId, connectionId, line };
    };
    const alice = await member();
    const bob = await member();
    await Promise.all([1, 2, 3].map((id) => door.one(disconnect(bob.clientId, { id }))));
    const heard: Message[] = [];
    await eventually(async () => {
      heard.push(
        ...(await door.send([connect(alice.clientId, { advice: { timeout: 0 } })], 1)).filter(isDelivery),
      );
      return heard.some(({ data }) => (data as Message).message === "I have left the room");
    });
    await door.one(publish(alice.clientId, alice.line, { event: "roomView", messageId: "v" }, { id: "v" }));
    heard.push(
      ...(await door.send([connect(alice.clientId, { advice: { timeout: 0 } })], 1)).filter(isDelivery),
    );
    const ofBob = heard.map(({ data }) => data as Message).filter(({ from }) => from === bob.connectionId);
    alike(
      ofBob.map(({ message }) => message),
      ["I have entered the room", "I have left the room"],
    );
    const view = heard.map(({ data }) => data as Message).find(({ messageId }) => messageId === "v");
    assert.equal((view!.data as { membersCount: number }).membersCount, 1);
  });

  both("126: disconnect and publish in one array, in their order", base, async (door) => {
    const { H, channel } = await listener(door);
    const other = new HttpDoor(base());
    const ear = await other.session();
    await other.one(subscribe(ear, channel));
    const replies = await door.send([
      publish(H, channel, "before", { id: "1" }),
      disconnect(H, { id: "2" }),
      publish(H, channel, "after", { id: "3" }),
    ]);
    alike(
      replies.filter((message) => !isDelivery(message)).map(({ id, successful }) => [id, successful]),
      [
        ["1", true],
        ["2", true],
        ["3", false],
      ],
    );
    alike(await hears(other, ear), [{ channel, data: "before" }]);
  });
});
