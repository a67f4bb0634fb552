import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { eventually, start } from "./fixture.ts";

const ERROR = '[{"successful":false,"error":"400::Bad request"}]';
const UNIT = '[{"id":"1","channel":"/a"}]';

describe("opening (case 139)", () => {
  for (const path of ["/faye", "/faye/", "/faye/x/y"]) {
    test(path, async (t) => {
      const { open } = await start(t);
      assert.equal((await open({ path })).socket.protocol, "");
    });
  }

  test("the subprotocol is bayeux or none", async (t) => {
    const { open, raw } = await start(t);
    assert.equal((await open({ protocols: ["x", "bayeux"] })).socket.protocol, "bayeux");
    // By hand: the stock client library hangs up when none is chosen.
    const socket = await raw();
    socket.write(
      "GET /faye HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" +
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: other\r\n\r\n",
    );
    const head = String(await new Promise((done) => socket.once("data", done)));
    assert.match(head, /^HTTP\/1.1 101/);
    assert.doesNotMatch(head, /Sec-WebSocket-Protocol/i);
    socket.destroy();
  });

  test("elsewhere, when it is off, or when there are too many (case 188)", async (t) => {
    const { refusedUpgrade } = await start(t);
    assert.equal(await refusedUpgrade({ path: "/fayex" }), 404);
    const off = await start(t, { transports: new Set(["long-polling"]) });
    assert.equal(await off.refusedUpgrade(), 404);
    const one = await start(t, { maxPerAddress: 1 });
    const first = await one.open();
    assert.equal(await one.refusedUpgrade(), 429);
    first.socket.close();
    await eventually(() => one.transports.counts().sockets === 0, "closed");
    await one.open();
    const none = await start(t, { maxSockets: 1 });
    await none.open();
    assert.equal(await none.refusedUpgrade(), 503);
  });

  test("compression is off unless asked for (case 147)", async (t) => {
    assert.equal((await (await start(t)).open()).socket.extensions, "");
    const on = await (await start(t, { perMessageDeflate: true })).open();
    assert.match(on.socket.extensions, /permessage-deflate/);
    on.socket.send(UNIT);
    assert.equal(await on.frame(0), UNIT);
  });
});

describe("frames", () => {
  test("case 145: in and out, as text", async (t) => {
    const { open, gateway } = await start(t);
    const peer = await open();
    peer.socket.send(UNIT);
    assert.equal(await peer.frame(0), UNIT);
    assert.equal(peer.frames[0]!.binary, false);
    const { link } = gateway.last;
    assert.deepEqual([link.transport, link.once, link.requester.remoteIP], ["websocket", false, "127.0.0.1"]);
    await eventually(() => gateway.handed[0] === true, "handed");
    link.send("[2]");
    assert.equal(await peer.frame(1), "[2]");
  });

  test("case 141: three fragments are one unit", async (t) => {
    const { open, gateway } = await start(t);
    const { socket } = await open();
    socket.send(UNIT.slice(0, 5), { fin: false });
    socket.send(UNIT.slice(5, 9), { fin: false });
    socket.send(UNIT.slice(9), { fin: true });
    await eventually(() => gateway.units.length === 1, "one unit");
    assert.deepEqual(gateway.last.unit, JSON.parse(UNIT));
  });

  test("case 142: binary JSON, binary garbage", async (t) => {
    const { open } = await start(t);
    const peer = await open();
    peer.socket.send(Buffer.from(UNIT));
    assert.equal(await peer.frame(0), UNIT);
    assert.equal(peer.frames[0]!.binary, false);
    peer.socket.send(Buffer.from([1, 2, 255]));
    assert.equal(await peer.frame(1), ERROR);
  });

  test("case 21: [] gets [], and is a sign of life", async (t) => {
    const { open, gateway } = await start(t);
    const peer = await open();
    peer.socket.send("[]");
    assert.equal(await peer.frame(0), "[]");
    assert.equal(gateway.aliveLinks.length, 1);
    assert.equal(gateway.units.length, 0);
  });

  for (const bad of ["null", "1", '"x"', "{bad", "", " null "]) {
    test(`cases 24, 27, 29, 30: ${JSON.stringify(bad)} gets an error, the socket stays`, async (t) => {
      const { open, gateway } = await start(t);
      const peer = await open();
      peer.socket.send(bad);
      assert.equal(await peer.frame(0), ERROR);
      peer.socket.send(UNIT);
      assert.equal(await peer.frame(1), UNIT);
      assert.equal(gateway.units.length, 1);
    });
  }

  test("case 29: the fifth closes with 1008, and nothing after it is heard", async (t) => {
    const { open, gateway } = await start(t);
    const peer = await open();
    for (let count = 0; count < 5; count++) peer.socket.send("{bad");
    peer.socket.send(UNIT);
    await eventually(() => peer.closedWith !== undefined, "closed");
    assert.equal(peer.closedWith, 1008);
    assert.equal(peer.frames.length, 5);
    assert.equal(gateway.units.length, 0);
    await eventually(() => gateway.closedLinks.length === 1, "told");
  });

  test("case 143: invalid UTF-8 closes with 1007", async (t) => {
    const { open } = await start(t);
    const peer = await open();
    peer.socket.send(Buffer.from([0x22, 0xff, 0x22]), { binary: false });
    await eventually(() => peer.closedWith === 1007, "1007");
  });

  test("case 144: a frame above the cap closes with 1009, a message below it does not", async (t) => {
    const { open, gateway } = await start(t, { frameBytes: 10_000, messageBytes: 1000 });
    const peer = await open();
    peer.socket.send(JSON.stringify([{ id: 1, data: "x".repeat(5000) }]));
    await peer.frame(0);
    assert.equal((gateway.last.unit[0] as { error: string }).error, "413::Message too large");
    peer.socket.send("x".repeat(20_000));
    await eventually(() => peer.closedWith === 1009, "1009");
    await eventually(() => gateway.closedLinks.length === 1, "told");
  });

  for (const [what, length] of [
    ["2^63", 2n ** 63n],
    ["the largest that there is", 2n ** 64n - 1n],
    ["2^53", 2n ** 53n],
    ["one more than the cap", 100_001n],
  ] as const) {
    test(`case 144: a head that says ${what} bytes, in 64 bits, closes with 1009 before any of them come`, async (t) => {
      const { raw, gateway } = await start(t, { frameBytes: 100_000 });
      const socket = await raw();
      const came: Buffer[] = [];
      const closed = new Promise((done) => socket.once("close", done));
      socket.on("data", (chunk) => came.push(chunk));
      socket.write(
        "GET /faye HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" +
          "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
      );
      await eventually(() => Buffer.concat(came).includes("\r\n\r\n"), "upgraded");
      came.length = 0;
      // The last and only frame, text; masked, and the length is in the next eight bytes.
      const head = Buffer.from([0x81, 0xff, ...new Uint8Array(12)]);
      head.writeBigUInt64BE(length, 2);
      socket.write(head);
      await closed;
      const answer = Buffer.concat(came);
      assert.deepEqual([answer[0], answer.readUInt16BE(2)], [0x88, 1009]);
      assert.equal(gateway.units.length, 0);
      await eventually(() => gateway.closedLinks.length === 1, "told");
    });
  }

  test("a frame that is above the cap when it is unpacked closes with 1009", async (t) => {
    const { open, gateway } = await start(t, { frameBytes: 100_000, perMessageDeflate: true });
    const peer = await open({ perMessageDeflate: true });
    assert.match(peer.socket.extensions, /permessage-deflate/);
    peer.socket.send(" ".repeat(50_000_000));
    await eventually(() => peer.closedWith === 1009, "1009");
    assert.equal(gateway.units.length, 0);
  });

  test("case 146: nothing is sent on a fresh socket", async (t) => {
    const { open, clock } = await start(t);
    const peer = await open();
    clock.advance(30_000);
    await new Promise((done) => setTimeout(done, 30));
    assert.deepEqual(peer.frames, []);
  });

  test("a gateway that throws costs one frame", async (t) => {
    const { open, gateway, logged } = await start(t);
    const echo = gateway.onUnit;
    gateway.onUnit = () => {
      throw new Error("boom");
    };
    const peer = await open();
    peer.socket.send(UNIT);
    await eventually(() => logged.length === 1, "logged");
    gateway.onUnit = echo;
    peer.socket.send(UNIT);
    assert.equal(await peer.frame(0), UNIT);
  });
});

describe("life and death", () => {
  test("pings come only after silence; a pong is a sign of life", async (t) => {
    const { open, gateway, clock, transports } = await start(t, { ping: 12 });
    const peer = await open();
    let pings = 0;
    peer.socket.on("ping", () => pings++);
    clock.advance(11_000);
    peer.socket.send("[]");
    await eventually(() => gateway.aliveLinks.length === 1, "heard");
    clock.advance(11_000);
    await new Promise((done) => setTimeout(done, 30));
    assert.equal(pings, 0);
    clock.advance(2000);
    await eventually(() => gateway.aliveLinks.length === 2, "pong");
    assert.equal(pings, 1);
    assert.equal(clock.waiting, 1);
    assert.equal(transports.counts().sockets, 1);
  });

  test("case 175: no pong, no socket", async (t) => {
    const { open, gateway, clock } = await start(t, { ping: 12 });
    const peer = await open({ autoPong: false });
    clock.advance(13_000);
    await new Promise((done) => setTimeout(done, 30));
    assert.equal(gateway.closedLinks.length, 0);
    clock.advance(13_000);
    await eventually(() => gateway.closedLinks.length === 1, "given up");
    await eventually(() => peer.closedWith === 1006, "cut");
  });

  test("case 140: a socket that never says anything stays until the idle limit", async (t) => {
    const { open, clock, gateway } = await start(t, { idle: 60, ping: 0 });
    const silent = await open();
    const talking = await open();
    talking.socket.send("[]");
    await talking.frame(0);
    clock.advance(59_000);
    await new Promise((done) => setTimeout(done, 30));
    assert.equal(silent.closedWith, undefined);
    clock.advance(2000);
    await eventually(() => silent.closedWith === 1000, "idle");
    assert.equal(talking.closedWith, undefined);
    await eventually(() => gateway.closedLinks.length === 1, "told");
  });

  test("a peer that goes is told of once; sending to it is not handed over", async (t) => {
    const { open, gateway, clock } = await start(t);
    const peer = await open();
    peer.socket.send(UNIT);
    await peer.frame(0);
    peer.socket.terminate();
    await eventually(() => gateway.closedLinks.length === 1, "closed");
    gateway.handed.length = 0;
    gateway.last.link.send("[]", (handed) => gateway.handed.push(handed));
    gateway.last.link.close(1000, "");
    assert.deepEqual(gateway.handed, [false]);
    clock.advance(2000);
    assert.equal(clock.waiting, 0, "no timer without sockets");
  });

  test("closed by the gateway, with a reason that is too long", async (t) => {
    const { open, gateway } = await start(t);
    gateway.onUnit = (_, link) => link.close(1001, "x".repeat(500));
    const peer = await open();
    peer.socket.send(UNIT);
    await eventually(() => peer.closedWith === 1001, "closed");
  });

  test("case 181: close() ends all with 1001, also those that do not answer", async (t) => {
    const { open, transports, refusedUpgrade, gateway, clock } = await start(t);
    const peer = await open();
    const stubborn = await open();
    stubborn.socket.pause();
    transports.close();
    await eventually(() => peer.closedWith === 1001, "1001");
    assert.equal(await refusedUpgrade(), 503);
    clock.advance(2000);
    await eventually(() => gateway.closedLinks.length === 2, "both");
    stubborn.socket.terminate();
  });
});

describe("backpressure (case 195)", () => {
  test("not writable while too much waits, then drained", async (t) => {
    const { open, gateway } = await start(t, { maxBuffered: 100_000 });
    gateway.onUnit = () => {};
    const peer = await open();
    peer.socket.send(UNIT);
    await eventually(() => gateway.units.length === 1, "unit");
    const { link } = gateway.last;
    peer.socket.pause();
    const text = `["${"x".repeat(1_000_000)}"]`;
    for (let count = 0; count < 40 && link.writable; count++) {
      link.send(text);
      await new Promise((done) => setImmediate(done));
    }
    assert.equal(link.writable, false);
    const before = gateway.drainedLinks.length;
    peer.socket.resume();
    await eventually(() => gateway.drainedLinks.length === before + 1, "drained");
    assert.equal(link.writable, true);
  });

  test("who asks and never reads is cut off", async (t) => {
    const { open, gateway } = await start(t, { maxBuffered: 100_000 });
    gateway.onUnit = () => {};
    const peer = await open();
    peer.socket.send(UNIT);
    await eventually(() => gateway.units.length === 1, "unit");
    peer.socket.pause();
    const text = `["${"x".repeat(500_000)}"]`;
    for (let count = 0; count < 100 && gateway.closedLinks.length === 0; count++) {
      gateway.last.link.send(text);
      await new Promise((done) => setImmediate(done));
    }
    await eventually(() => gateway.closedLinks.length === 1, "cut off");
    peer.socket.terminate();
  });
});
