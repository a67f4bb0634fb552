/** BAYEUX 7.7, transports, the whole way through; their details are in test/transports. */
import assert from "node:assert/strict";
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { after, before, describe, test } from "node:test";
import { eventually } from "../support/eventually.ts";
import { TIMEOUT, unique } from "../wire/support/app.ts";
import { runScript } from "../wire/support/by-hand.ts";
import { HttpDoor, Socket } from "../wire/support/door.ts";
import { ask, begin, post } from "../wire/support/http.ts";
import { alike, MOUNT, OURS } from "../wire/support/judged.ts";
import {
  again,
  connect,
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
  server = await openTarget({
    config: {
      limits: { bodyTimeout: 0.3, bodyBytes: 200_000 },
      servers: { websocket: { maxFrameBytes: 200_000 } },
    },
  });
});
after(() => server.close());

const shake = JSON.stringify([handshake({ id: "h" })]);
const form = `message=${encodeURIComponent(shake)}`;

describe("7.7 HTTP", { concurrency: 8 }, () => {
  const posts: [string, string, Record<string, string>, string][] = [
    ["127: Application/JSON with a charset", shake, { "Content-Type": "Application/JSON;charset=UTF-8" }, ""],
    ["128: a form", form, { "Content-Type": "application/x-www-form-urlencoded" }, ""],
    ["129: a form labelled text/plain", form, { "Content-Type": "text/plain;charset=UTF-8" }, ""],
    ["130: JSON labelled text/plain", shake, { "Content-Type": "text/plain" }, ""],
    ["131: a form without a label", form, { "Content-Type": "" }, ""],
    ["132: below the mount", shake, {}, "/"],
    ["132: handshake", shake, {}, "/handshake"],
    ["132: connect", shake, {}, "/connect"],
    ["132: deeper", shake, {}, "/x/y"],
    ["135: chunked", shake, { "Transfer-Encoding": "chunked" }, ""],
  ];
  for (const [name, body, headers, path] of posts) {
    test(name, async () => {
      const answer = await post(`${base()}${MOUNT}${path}`, body, headers);
      assert.equal(answer.status, 200, answer.body);
      const [reply] = JSON.parse(answer.body) as Message[];
      alike([reply?.id, reply?.successful], ["h", true]);
    });
  }

  test("128: two messages in one form", async () => {
    const { body } = await post(`${base()}${MOUNT}`, `${form}&${form}`, {
      "Content-Type": "application/x-www-form-urlencoded",
    });
    assert.equal((JSON.parse(body) as Message[]).length, 2);
  });
  test("130: JSON labelled text/plain of another page is refused", async () => {
    const { status } = await post(`${base()}${MOUNT}`, shake, {
      "Content-Type": "text/plain",
      Origin: "http://evil.example",
    });
    assert.equal(status, 403);
  });
  test("133: beside the mount", async () => {
    for (const path of [`${MOUNT}x`, `/x${MOUNT}`])
      assert.equal((await post(base() + path, shake)).status, 404);
  });
  for (const method of ["PUT", "DELETE", "PATCH", "HEAD"]) {
    test(`134: ${method}`, async () => {
      const { status, headers } = await ask(`${base()}${MOUNT}`, { method });
      alike([status, headers.allow], [405, "GET, POST, OPTIONS"]);
    });
  }
  test("136: a body above the hard cap", OURS, async () => {
    const { status, headers, body } = await post(`${base()}${MOUNT}`, " ".repeat(300_000));
    assert.equal(status, 413);
    assert.equal(headers.connection, "close");
    alike(JSON.parse(body), [{ successful: false, error: "413::Message too large" }]);
  });
  test("137: a body that does not come", OURS, async () => {
    const request = begin(`${base()}${MOUNT}`, {
      method: "POST",
      headers: { "Content-Type": "application/json", "Content-Length": "100" },
    });
    request.write("[");
    request.on("error", () => {});
    const [response] = (await once(request, "response")) as [IncomingMessage];
    assert.equal(response.statusCode, 408);
    assert.equal(response.headers.connection, "close");
    response.resume();
    await once(response, "close");
  });
  test("138: headers of a reply", async () => {
    const { headers, body } = await post(`${base()}${MOUNT}`, shake);
    alike(
      [
        headers["content-type"],
        headers["cache-control"],
        headers["x-content-type-options"],
        headers["content-length"],
      ],
      ["application/json; charset=utf-8", "no-cache, no-store", "nosniff", `${Buffer.byteLength(body)}`],
    );
  });
  test("157: the browser client", async () => {
    for (const path of [`${MOUNT}.js`, `${MOUNT}/client.js`]) {
      const { status, headers, body } = await ask(base() + path);
      assert.equal(status, 200);
      assert.match(String(headers["content-type"]), /javascript/);
      assert.match(body, /Faye/);
      const etag = String(headers.etag);
      assert.equal((await ask(base() + path, { headers: { "If-None-Match": etag } })).status, 304);
    }
  });
});

describe("7.7 callback-polling", { concurrency: 8 }, () => {
  const get = (query: Record<string, string>) => ask(`${base()}${MOUNT}?${new URLSearchParams(query)}`);

  test("152: a script with five headers", async () => {
    const { status, headers, body } = await get({ message: shake, jsonp: "cb" });
    assert.equal(status, 200);
    assert.match(body, /^\/\*\*\/cb\(\[.*\]\);$/);
    alike(
      [
        "content-type",
        "x-content-type-options",
        "cache-control",
        "content-disposition",
        "content-length",
      ].map((name) => headers[name]),
      [
        "text/javascript; charset=utf-8",
        "nosniff",
        "no-cache, no-store",
        "attachment; filename=f.txt",
        `${Buffer.byteLength(body)}`,
      ],
    );
    assert.equal(runScript(body, "cb")[0]?.successful, true);
  });
  test("153: the usual callback", async () => {
    const { body } = await get({ message: shake });
    assert.equal(runScript(body, "jsonpcallback")[0]?.successful, true);
  });
  test("154: names of callbacks", async () => {
    for (const jsonp of ["a.b.c", "$x_1", "__jsonp1__", "_cometd_jsonp_0"]) {
      assert.ok((await get({ message: shake, jsonp })).body.startsWith(`/**/${jsonp}([`), jsonp);
    }
  });
  test("155: what is none", async () => {
    for (const jsonp of ["a[0]", "a-b", "1abc", "alert(1)//", "a;b", "a\n", "x".repeat(129)]) {
      assert.equal((await get({ message: shake, jsonp })).status, 400, jsonp);
    }
  });
  test("156: no message", async () => {
    assert.equal((await ask(`${base()}${MOUNT}`)).status, 400);
  });
  test("158: shaken here, connected by a socket", async () => {
    const { body } = await get({ message: shake, jsonp: "cb" });
    const { clientId } = minted(runScript(body, "cb")[0]!);
    const socket = await Socket.open(base());
    const reply = await socket.one(
      connect(clientId, { id: "c", connectionType: "websocket", advice: { timeout: 0 } }),
    );
    alike(reply, { id: "c", channel: "/meta/connect", successful: true, advice: again(TIMEOUT) });
    await socket.close();
  });
});

describe("7.7 websocket", { concurrency: 8 }, () => {
  test("139: below the mount; the subprotocol is bayeux or none", async () => {
    for (const path of [MOUNT, `${MOUNT}/`, `${MOUNT}/x/y`]) {
      const socket = await Socket.open(base(), { path });
      assert.equal(socket.ws.protocol, "");
      assert.match(await socket.session(), /^[0-9a-z]+$/);
      await socket.close();
    }
  });
  test("141, 142, 145: fragments and binary frames are read, text frames are written", async () => {
    const socket = await Socket.open(base());
    for (const [index, part] of [shake.slice(0, 10), shake.slice(10, 20), shake.slice(20)].entries()) {
      socket.ws.send(part, { fin: index === 2 });
    }
    await socket.heard.atLeast(1);
    socket.ws.send(Buffer.from(shake), { binary: true });
    await socket.heard.atLeast(2);
    socket.ws.send(Buffer.from([0, 1, 2]), { binary: true });
    await socket.heard.atLeast(3);
    alike(
      socket.heard.all.map(({ successful }) => successful),
      [true, true, false],
    );
    for (const { text, binary } of socket.frames) {
      assert.equal(binary, false);
      assert.ok((JSON.parse(text) as unknown[]).every((item) => typeof item === "object" && item !== null));
    }
    await socket.close();
  });
  test("143: text that is no UTF-8", async () => {
    const socket = await Socket.open(base());
    socket.ws.send(Buffer.from([0xc3, 0x28]), { binary: false });
    await eventually(() => socket.closedWith !== undefined);
    assert.equal(socket.closedWith, 1007);
  });
  test("144: a frame above the hard cap", OURS, async () => {
    const socket = await Socket.open(base());
    socket.ws.send(" ".repeat(200_001));
    await eventually(() => socket.closedWith !== undefined);
    assert.equal(socket.closedWith, 1009);
  });
  test("140, 146: a socket that says nothing is told nothing, not even what waits", async () => {
    const socket = await Socket.open(base());
    const door = new HttpDoor(base());
    const H = await door.session();
    const channel = `/${unique("waiting")}`;
    await door.one(subscribe(H, channel));
    await server.publish(channel, 1);
    await door.send([connect(H, { advice: { timeout: 0 } })], 1);
    alike(socket.frames, []);
    assert.equal(socket.closedWith, undefined);
    await socket.close();
  });
});

describe("7.7 event streams", { concurrency: 8 }, () => {
  async function stream(clientId: string) {
    const request = begin(`${base()}${MOUNT}/${clientId}`, { headers: { Accept: "text/event-stream" } });
    request.on("error", () => {});
    request.end();
    const [response] = (await once(request, "response")) as [IncomingMessage];
    let text = "";
    response.setEncoding("utf8").on("data", (chunk: string) => {
      text += chunk;
    });
    response.on("error", () => {});
    return {
      response,
      text: () => text,
      close: async () => {
        const closed = new Promise((resolve) => response.once("close", resolve));
        request.destroy();
        await closed;
      },
    };
  }

  test("148, 151: a stream, its deliveries, and what comes after it", async () => {
    const door = new HttpDoor(base());
    const H = await door.session();
    const channel = `/${unique("stream")}`;
    await door.one(subscribe(H, channel));
    const { response, text, close } = await stream(H);
    assert.equal(response.statusCode, 200);
    assert.equal(response.headers["content-type"], "text/event-stream");
    assert.equal(response.headers["cache-control"], "no-cache, no-store");
    await server.publish(channel, 1);
    await eventually(() => text().includes("data:"));
    assert.equal(text(), `retry: 5000\r\n\r\ndata: [{"channel":"${channel}","data":1}]\r\n\r\n`);
    await close();
    await server.until("actionwire_event_streams", 0);
    await server.publish(channel, 2);
    const next = await door.send([connect(H, { advice: { timeout: 0 } })], 1);
    alike(next.filter(isDelivery), [{ channel, data: 2 }]);
  });
  test("149: an unknown id", async () => {
    const { response, close } = await stream("made-up");
    assert.equal(response.statusCode, 404);
    await close();
  });
  test("150: a stream takes the deliveries over from a socket", OURS, async () => {
    const socket = await Socket.open(base());
    const { clientId, connectionId } = minted(await socket.one(handshake()));
    await socket.one(subscribe(clientId, lineOf(connectionId)));
    socket.send([connect(clientId, { id: "c", connectionType: "websocket" })]);
    await socket.one(publish(clientId, `/${unique("x")}`, 1));
    const { text, close } = await stream(clientId);
    const before = socket.deliveries.length;
    await server.own.api.connections.send(connectionId, { note: 1 });
    await eventually(() => text().includes('"note":1'));
    assert.equal(socket.deliveries.length, before);
    await close();
    await socket.close();
  });
});
