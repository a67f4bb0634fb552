/** BAYEUX 7.3, connect. Connects are held for one second here. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { unique } from "../wire/support/app.ts";
import { both, type Door, HttpDoor, Socket } from "../wire/support/door.ts";
import { type Answer, begin, post, read } from "../wire/support/http.ts";
import { alike, heldFor, MOUNT, OURS } from "../wire/support/judged.ts";
import {
  again,
  connect,
  disconnect,
  handshake,
  isDelivery,
  type Message,
  minted,
  publish,
  subscribe,
} from "../wire/support/messages.ts";
import { openTarget, type Target } from "../wire/support/target.ts";

const T = heldFor(1);
const TR = again(T);

let server: Target;
const base = () => server.url;
const http = () => new HttpDoor(base());
before(async () => {
  server = await openTarget({ config: { faye: { timeout: T } } });
});
after(() => server.close());

const okay = (id: string, advice: object = TR) => ({
  id,
  channel: "/meta/connect",
  successful: true,
  advice,
});

/** The milliseconds until it is answered, and the answer. */
async function timed<R>(answer: Promise<R>): Promise<[number, R]> {
  const since = performance.now();
  const result = await answer;
  return [performance.now() - since, result];
}

/** A session that hears a channel of its own. */
async function listener(door: Pick<Door, "one"> = http()): Promise<{ H: string; channel: string }> {
  const channel = `/${unique("plain")}`;
  const { clientId: H } = minted(await door.one(handshake()));
  assert.equal((await door.one(subscribe(H, channel))).successful, true);
  return { H, channel };
}

/** A connect in a request of its own. */
function held(H: string, id: string, at = base()): { answer: Promise<Message[]>; abort(): Promise<void> } {
  const request = begin(`${at}${MOUNT}`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
  });
  const closed = new Promise((resolve) => request.once("close", resolve));
  const answer = new Promise<Answer>((resolve, reject) => {
    request.on("response", (response) => read(response).then(resolve, reject));
    request.on("error", reject);
  }).then(({ body }) => JSON.parse(body) as Message[]);
  answer.catch(() => {});
  request.end(JSON.stringify([connect(H, { id })]));
  return {
    answer,
    async abort() {
      request.destroy();
      await closed;
    },
  };
}

describe("7.3 connect", { concurrency: 8 }, () => {
  both("61: with timeout 0 it is answered at once", base, async (door) => {
    const H = await door.session();
    const [took, reply] = await timed(door.one(connect(H, { id: "c", advice: { timeout: 0 } })));
    alike(reply, okay("c"));
    assert.ok(took < T * 1000, `${took} ms`);
  });

  both("62, 173: with nothing to tell it is held for T, and answered once", base, async (door) => {
    const H = await door.session();
    const [took, replies] = await timed(door.send([connect(H, { id: "c" })]));
    alike(replies, [okay("c")]);
    assert.ok(took >= T * 1000 - 10 && took < T * 2000, `${took} ms`);
  });

  test("63: what waits is answered at once, deliveries first", async () => {
    const { H, channel } = await listener();
    await server.publish(channel, 1);
    await server.publish(channel, 2);
    const [took, replies] = await timed(http().send([connect(H, { id: "c" })], 1));
    alike(replies, [{ channel, data: 1 }, { channel, data: 2 }, okay("c")]);
    assert.ok(took < T * 1000, `${took} ms`);
  });

  test("64: a burst while it is held is one answer", async () => {
    const { H, channel } = await listener();
    const answer = http().send([connect(H, { id: "c" })], 1);
    // A second message of the session tells that the connect, which was sent before, is held.
    await http().one(publish(H, `/${unique("other")}`, 0));
    await server.publish(channel, 1, 2, 3);
    alike(await answer, [{ channel, data: 1 }, { channel, data: 2 }, { channel, data: 3 }, okay("c")]);
  });

  test("65: a delivery on a socket leaves the connect held", async () => {
    const socket = await Socket.open(base());
    const { H, channel } = await listener(socket);
    socket.send([connect(H, { id: "c", connectionType: "websocket" })]);
    await server.publish(channel, "now");
    await socket.heard.find(isDelivery);
    alike(socket.deliveries, [{ channel, data: "now" }]);
    assert.equal(
      socket.heard.all.some(({ id }) => id === "c"),
      false,
    );
    alike(await socket.heard.find(({ id }) => id === "c"), okay("c"));
    await socket.close();
  });

  const shakeAgain = { reconnect: "handshake", interval: 0, timeout: T * 1000 };
  const later = { reconnect: "retry", interval: 5000, timeout: T * 1000 };
  for (const [name, message, error, advice] of [
    ["66: no clientId", connect(undefined), "402:clientId:Missing required parameter", shakeAgain],
    ["67: an unknown clientId", connect("made-up"), "401:made-up:Unknown client", shakeAgain],
    ["96: __proto__", connect("__proto__"), "401:__proto__:Unknown client", shakeAgain],
  ] as const) {
    both(name, base, async (door) => {
      alike(await door.one({ ...message, id: "c" }), {
        id: "c",
        channel: "/meta/connect",
        successful: false,
        error,
        advice,
      });
    });
  }
  for (const [name, connectionType, error] of [
    ["68: no connectionType", undefined, "402:connectionType:Missing required parameter"],
    ["69: one that nobody knows", "iframe", "301:iframe:Connection types not supported"],
  ] as const) {
    both(`${name}; the session stays`, base, async (door) => {
      const H = await door.session();
      alike(await door.one(connect(H, { id: "c", connectionType })), {
        id: "c",
        channel: "/meta/connect",
        successful: false,
        error,
        advice: later,
      });
      alike(await door.one(connect(H, { id: "d", advice: { timeout: 0 } })), okay("d"));
    });
  }

  test("70: websocket over HTTP is accepted", async () => {
    const H = await http().session();
    const message = connect(H, { id: "c", connectionType: "websocket", advice: { timeout: 0 } });
    alike(await http().one(message), okay("c"));
  });

  test("71, 72: eventsource is answered at once, long-polling after it is held", async () => {
    const H = await http().session();
    const stream = connect(H, { id: "c", connectionType: "eventsource" });
    const advice = { reconnect: "retry", interval: T * 1000, timeout: 0, maxInterval: 120_000 };
    alike(await http().one(stream), okay("c", advice));
    const [took, reply] = await timed(http().one(connect(H, { id: "d" })));
    alike(reply, okay("d"));
    assert.ok(took >= T * 1000 - 10, `${took} ms`);
  });

  for (const advice of [
    { timeout: "abc" },
    { timeout: -5 },
    { timeout: 1e12 },
    { timeout: null },
    null,
    "x",
    [],
  ]) {
    both(`73: advice ${JSON.stringify(advice)} is as good as none`, base, async (door) => {
      const H = await door.session();
      const [took, reply] = await timed(door.one(connect(H, { id: "c", advice })));
      alike(reply, okay("c"));
      assert.ok(took >= T * 1000 - 10 && took < T * 2000, `${took} ms`);
    });
  }

  both("74: among other messages it is answered with them", base, async (door) => {
    const H = await door.session();
    const [took, replies] = await timed(
      door.send([connect(H, { id: "c" }), publish(H, `/${unique("x")}`, 1, { id: "p" })]),
    );
    alike(replies.map(({ id, successful }) => [id, successful]).sort(), [
      ["c", true],
      ["p", true],
    ]);
    assert.ok(took < T * 1000, `${took} ms`);
  });

  const evicted = { ...TR, interval: 5000 };
  test("75: a second request: the first is sent away, the second held", async () => {
    const { H, channel } = await listener();
    const first = held(H, "1");
    await http().one(publish(H, `/${unique("x")}`, 1));
    const second = held(H, "2");
    alike(await first.answer, [okay("1", evicted)]);
    await server.publish(channel, "still here");
    alike(await second.answer, [{ channel, data: "still here" }, okay("2")]);
  });

  test("76: a second on the same socket: each is answered once", async () => {
    const socket = await Socket.open(base());
    const H = await socket.session();
    socket.send([connect(H, { id: "1", connectionType: "websocket" })]);
    socket.send([connect(H, { id: "2", connectionType: "websocket" })]);
    await socket.heard.find(({ id }) => id === "2");
    const answers = socket.heard.all.filter(({ channel }) => channel === "/meta/connect");
    alike(answers, [okay("1", evicted), okay("2")]);
    await socket.close();
  });

  test("79: two sessions on one socket both hear", async () => {
    const socket = await Socket.open(base());
    const one = await listener(socket);
    const two = await listener(socket);
    for (const { H } of [one, two]) socket.send([connect(H, { id: H, connectionType: "websocket" })]);
    await server.publish(one.channel, "one");
    await server.publish(two.channel, "two");
    await socket.heard.find(({ channel }) => channel === two.channel);
    alike(
      socket.deliveries.map(({ data }) => data),
      ["one", "two"],
    );
    for (const { H } of [one, two]) alike(await socket.heard.find(({ id }) => id === H), okay(H));
    await socket.close();
  });

  test("80: a connect on another socket takes the deliveries along", async () => {
    const first = await Socket.open(base());
    const second = await Socket.open(base());
    const { H, channel } = await listener(first);
    first.send([connect(H, { id: "1", connectionType: "websocket" })]);
    await first.one(publish(H, `/${unique("x")}`, 1));
    second.send([connect(H, { id: "2", connectionType: "websocket" })]);
    alike(await first.heard.find(({ id }) => id === "1"), okay("1", evicted));
    await server.publish(channel, "here");
    await second.heard.find(isDelivery);
    alike(second.deliveries, [{ channel, data: "here" }]);
    alike(first.deliveries, []);
    await Promise.all([first.close(), second.close()]);
  });

  test("81: a publish on a fresh socket brings the deliveries there", async () => {
    const lost = await Socket.open(base());
    const { H, channel } = await listener(lost);
    lost.send([connect(H, { id: "1", connectionType: "websocket" })]);
    await lost.one(publish(H, `/${unique("x")}`, 1));
    await lost.close();
    const fresh = await Socket.open(base());
    assert.equal((await fresh.one(publish(H, channel, "mine"))).successful, true);
    await fresh.heard.find(isDelivery);
    alike(fresh.deliveries, [{ channel, data: "mine" }]);
    await fresh.close();
  });

  test("82: a dead session's connect does not tear a living one on its socket down", async () => {
    const socket = await Socket.open(base());
    const old = await socket.session();
    assert.equal((await http().one(disconnect(old))).successful, true);
    const { H } = await listener(socket);
    socket.send([connect(H, { id: "new", connectionType: "websocket" })]);
    const reply = await socket.one(connect(old, { id: "old", connectionType: "websocket" }));
    alike(reply, {
      id: "old",
      channel: "/meta/connect",
      successful: false,
      error: `401:${old}:Unknown client`,
      advice: { ...TR, interval: 5000 },
    });
    await socket.close();
  });

  test("83: whoever comes back when told is never told to hurry", async () => {
    const H = await http().session();
    const rude = [
      connect(H, { connectionType: undefined }),
      connect(H, { connectionType: "iframe" }),
      connect(H, { connectionType: "eventsource" }),
    ];
    for (const message of rude) {
      const { advice } = await http().one(message);
      assert.ok((advice as { interval: number }).interval >= 1000, JSON.stringify(message));
    }
    const first = held(H, "1");
    await http().one(publish(H, `/${unique("x")}`, 1));
    const second = held(H, "2");
    const [reply] = await first.answer;
    assert.ok((reply!.advice as { interval: number }).interval >= 1000);
    await second.answer;
  });

  test("171: nobody learns another's clientId", OURS, async () => {
    const H = await http().session();
    const { body } = await post(
      `${base()}${MOUNT}`,
      JSON.stringify([connect(`${H.slice(0, 32)}${"0".repeat(40)}`)]),
    );
    assert.equal(body.includes(H), false);
    assert.match(body, /"error":"401:/);
  });
});

describe("7.3 connect: a peer that goes", () => {
  let alone: Target;
  before(async () => {
    alone = await openTarget({ config: { faye: { timeout: T } } });
  });
  after(() => alone.close());

  test("77: the peer of a held request goes; what comes then is kept", async () => {
    const door = new HttpDoor(alone.url);
    const { H, channel } = await listener(door);
    const gone = held(H, "1", alone.url);
    await alone.until("actionwire_requests_held", 1);
    await gone.abort();
    await alone.until("actionwire_requests_held", 0);
    await alone.publish(channel, "kept");
    alike(await door.send([connect(H, { id: "2" })], 1), [{ channel, data: "kept" }, okay("2")]);
  });

  for (const how of ["terminated", "closed"] as const) {
    test(`78, 177: a socket is ${how}; what comes then is kept`, async () => {
      const socket = await Socket.open(alone.url);
      const { H, channel } = await listener(socket);
      socket.send([connect(H, { id: "1", connectionType: "websocket" })]);
      await alone.until("actionwire_sessions_carried", 1);
      if (how === "terminated") await socket.close();
      else socket.ws.close();
      await alone.until("actionwire_sockets", 0);
      await alone.publish(channel, 1);
      await alone.publish(channel, 2);
      const next = await Socket.open(alone.url);
      next.send([connect(H, { id: "2", connectionType: "websocket", advice: { timeout: 0 } })]);
      await next.heard.find((message) => message.data === 2);
      alike(await next.heard.find(({ id }) => id === "2"), okay("2"));
      alike(next.deliveries, [
        { channel, data: 1 },
        { channel, data: 2 },
      ]);
      await next.close();
      await alone.until("actionwire_sockets", 0);
    });
  }
});
