/** BAYEUX 7.1, grammar and envelope. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { eventually } from "../support/eventually.ts";
import { unique } from "../wire/support/app.ts";
import { both, type Door, Socket } from "../wire/support/door.ts";
import { post } from "../wire/support/http.ts";
import { alike, MOUNT } from "../wire/support/judged.ts";
import {
  connect,
  handshake,
  isDelivery,
  type Message,
  publish,
  subscribe,
} from "../wire/support/messages.ts";
import { openTarget, type Target } from "../wire/support/target.ts";

let server: Target;
const base = () => server.url;
before(async () => {
  server = await openTarget({
    config: { limits: { eventsPerSecond: 0 } },
  });
});
after(() => server.close());

const fine = (channel: string, id: unknown) => ({ channel, id, successful: true });

/** Publishes on `channel` and compares the whole reply. */
function published(name: string, channel: unknown, expected: (id: string) => object): void {
  both(name, base, async (door) => {
    const H = await door.session();
    alike(await door.one(publish(H, channel, 1, { id: "x1" })), expected("x1"));
  });
}

describe("7.1 grammar", { concurrency: 8 }, () => {
  for (const [number, channel] of [
    [1, "/foo"],
    [2, "/foo/bar/baz"],
    [3, "/-_!~()$@"],
    [14, "/META/connect"],
    [15, "/__proto__"],
    [15, "/constructor"],
  ] as const) {
    published(`${number}: ${channel} is a channel`, channel, (id) => fine(channel, id));
  }

  both("4: /A and /a are two channels", base, async (door) => {
    const H = await door.session();
    const root = `/${unique("case")}`;
    const messages = [
      ...(await door.send([subscribe(H, `${root}/A`)])),
      ...(await door.send([publish(H, `${root}/a`, "small"), publish(H, `${root}/A`, "large")])),
      ...(await door.send([connect(H, { advice: { timeout: 0 } })])),
    ];
    alike(messages.filter(isDelivery), [{ channel: `${root}/A`, data: "large" }]);
  });

  const invalid: readonly (readonly [number, unknown, string])[] = [
    [5, "foo", "foo"],
    [6, "/", "/"],
    [7, "/foo/", "/foo/"],
    [8, "//foo", "//foo"],
    [9, "/foo//bar", "/foo//bar"],
    [10, "/foo/*", "/foo/*"],
    [10, "/foo/**", "/foo/**"],
    [10, "/**", "/**"],
    [11, "/foo.bar", "/foo.bar"],
    [11, "/foo bar", "/foo bar"],
    [11, "/a+b", "/a_b"],
    [11, "/foo#x", "/foo_x"],
    [11, "/foo?x", "/foo_x"],
    [11, "/föö", "/f__"],
    [12, "/meta/connect\n", "/meta/connect_"],
    [19, `/${"a".repeat(255)}`, `/${"a".repeat(99)}`],
    [19, "/a".repeat(17), "/a".repeat(17)],
  ];
  for (const [number, channel, arg] of invalid) {
    published(`${number}: ${JSON.stringify(channel).slice(0, 30)} is none`, channel, (id) => ({
      channel,
      id,
      successful: false,
      error: `405:${arg}:Invalid channel`,
    }));
  }
  for (const channel of ["/meta/foo", "/meta", "/meta/subscribe/x"]) {
    published(`13: ${channel} is forbidden`, channel, (id) => ({
      channel,
      id,
      successful: false,
      error: `403:${channel}:Forbidden channel`,
    }));
  }
  for (const [name, channel, arg] of [
    ["16: no channel", undefined, ""],
    ["17: a number for a channel", 7, "7"],
    ["17: an object for a channel", { a: 1 }, ""],
    ["18: an array for a channel", ["/p"], ""],
  ] as const) {
    published(name, channel, (id) => ({ id, successful: false, error: `405:${arg}:Invalid channel` }));
  }
  both("16: neither channel nor data", base, async (door) => {
    alike(await door.one({ id: "y" }), {
      id: "y",
      successful: false,
      error: "402:data:Missing required parameter",
    });
  });
});

describe("7.1 envelope", { concurrency: 8 }, () => {
  const shaken = (door: Door, text: string, count: number) =>
    door.raw(text, count).then((messages) => messages.map(({ id, successful }) => [id, successful]));

  for (const [number, body] of [
    [20, "[]"],
    [24, "null"],
  ] as const) {
    test(`${number}: ${body} (HTTP)`, async () => {
      const { status, body: answer } = await post(`${base()}${MOUNT}`, body);
      alike([status, answer], [200, "[]"]);
    });
  }
  test("21: [] (ws)", async () => {
    const socket = await Socket.open(base());
    socket.ws.send("[]");
    await eventually(() => socket.frames.length > 0);
    alike(socket.frames, [{ text: "[]", binary: false }]);
    await socket.close();
  });

  both("22: {}", base, async (door) => {
    alike(await door.raw("{}", 1), [{ successful: false, error: "402:data:Missing required parameter" }]);
  });
  both("23: a single object", base, async (door) => {
    alike(await shaken(door, JSON.stringify(handshake({ id: "h" })), 1), [["h", true]]);
  });
  both("25: null beside a message", base, async (door) => {
    alike(await shaken(door, JSON.stringify([null, handshake({ id: "h" })]), 1), [["h", true]]);
  });
  for (const body of ["[1]", '["x"]', "[[]]", `[[${JSON.stringify(handshake())}]]`, "[true]"]) {
    both(`26: ${body.slice(0, 20)}`, base, async (door) => {
      alike(await door.raw(body, 1), [{ successful: false, error: "400::Bad request" }]);
    });
  }
  for (const [number, body] of [
    [27, "1"],
    [27, '"x"'],
    [27, "true"],
    [28, "{bad"],
    [30, ""],
    [31, `\ufeff${JSON.stringify([handshake()])}`],
  ] as const) {
    test(`${number}: ${JSON.stringify(body.slice(0, 9))} (HTTP)`, async () => {
      const answer = await post(`${base()}${MOUNT}`, body, { Origin: base() });
      alike([answer.status, answer.body], [400, "400::Bad request"]);
      assert.equal(answer.headers["access-control-allow-origin"], base());
    });
  }
  for (const [number, body] of [
    [24, "null"],
    [27, "1"],
    [27, '"x"'],
    [27, "true"],
    [29, "{bad"],
    [30, ""],
    [31, `\ufeff${JSON.stringify([handshake()])}`],
  ] as const) {
    both(`${number}: ${JSON.stringify(body.slice(0, 9))}, and the socket stays`, base, async (door) => {
      if (door.name === "HTTP") return;
      alike(await door.raw(body, 1), [{ successful: false, error: "400::Bad request" }]);
      assert.equal((await door.one(handshake())).successful, true);
    });
  }
  test("29: after five such frames the socket is closed with 1008", async () => {
    const socket = await Socket.open(base());
    for (let n = 0; n < 5; n += 1) socket.ws.send("{bad");
    await eventually(() => socket.closedWith !== undefined);
    assert.equal(socket.closedWith, 1008);
    assert.equal(socket.heard.all.length, 5);
  });
  both("32: of two fields of one name the last counts", base, async (door) => {
    const H = await door.session();
    const text = `{"channel":"/meta/foo","channel":"/foo","data":1,"clientId":"${H}","id":"d"}`;
    alike(await door.raw(text, 1), [fine("/foo", "d")]);
  });
  both("33: ten messages, ten replies", base, async (door) => {
    const H = await door.session();
    const unit = Array.from({ length: 10 }, (_, n) => publish(H, `/ten/${n}`, n, { id: `${n}` }));
    const replies = await door.send(unit);
    alike(
      replies,
      unit.map(({ channel, id }) => fine(channel as string, id)),
    );
  });
  both("34: one bad between two good", base, async (door) => {
    const H = await door.session();
    const replies = await door.send([
      publish(H, "/a", 1, { id: "1" }),
      publish(H, "/b.", 1, { id: "2" }),
      publish(H, "/c", 1, { id: "3" }),
    ]);
    alike(replies.map(({ id, successful }) => [id, successful]).sort(), [
      ["1", true],
      ["2", false],
      ["3", true],
    ]);
  });
  both("35: 1001 messages", base, async (door) => {
    const H = await door.session();
    const unit = Array.from({ length: 1001 }, (_, n) => publish(H, "/many", n, { id: n }));
    const replies = await door.send(unit);
    const bad = replies.filter(({ successful }) => successful !== true);
    alike(bad, [{ id: 1000, channel: "/many", successful: false, error: "400::Too many messages" }]);
    alike(new Set(replies.map(({ id }) => id)).size, 1001);
  });
  for (const id of ["a1", 7, 0, ""]) {
    both(`36, 37: id ${JSON.stringify(id)} is echoed`, base, async (door) => {
      const H = await door.session();
      alike(await door.one(publish(H, "/foo", 1, { id })), fine("/foo", id));
    });
  }
  for (const id of [{}, [], true, null]) {
    both(`38: id ${JSON.stringify(id)} is not echoed`, base, async (door) => {
      const H = await door.session();
      alike(await door.one(publish(H, "/foo", 1, { id })), { channel: "/foo", successful: true });
    });
  }
  both("39: no id", base, async (door) => {
    const H = await door.session();
    alike(await door.one(publish(H, "/foo", 1)), { channel: "/foo", successful: true });
  });
  both("40: two messages of one id", base, async (door) => {
    const H = await door.session();
    const replies: Message[] = await door.send([
      publish(H, "/x", 1, { id: "s" }),
      publish(H, "/y", 2, { id: "s" }),
    ]);
    alike(replies, [fine("/x", "s"), fine("/y", "s")]);
  });
});
