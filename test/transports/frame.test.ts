import assert from "node:assert/strict";
import { test } from "node:test";
import { textFrame } from "../../src/transports/frame.ts";
import { offeredTypes } from "../../src/transports/index.ts";
import { eventually, start } from "./fixture.ts";

const TEXTS = [0, 1, 125, 126, 65_535, 65_536, 200_000].map((length) => "x".repeat(length));

test("frames of every length class are read back, in order with those that ws writes itself", async (t) => {
  const { open, gateway } = await start(t, { frameBytes: 1_000_000 });
  gateway.onUnit = (_, link) => {
    for (const text of [...TEXTS, "é\u2028😀", "é".repeat(100)]) link.send(text);
    link.close(1000, "");
  };
  const peer = await open();
  peer.socket.send("[{}]");
  await eventually(() => peer.closedWith === 1000, "close, behind all of them");
  assert.deepEqual(
    peer.frames.map((frame) => frame.text),
    [...TEXTS, "é\u2028😀", "é".repeat(100)],
  );
  assert.ok(peer.frames.every((frame) => !frame.binary));
});

test("one text to many is one frame, and bytes handed out stay as they are", () => {
  const first = textFrame("[1]");
  const copy = Buffer.from(first);
  assert.equal(textFrame("[1]"), first);
  assert.notEqual(textFrame("[2]"), first);
  assert.deepEqual(first, copy);
});

test("what a handshake announces", () => {
  const transports = new Set(["callback-polling", "websocket", "long-polling"] as const);
  assert.deepEqual(offeredTypes({ transports, jsonp: "on" }), [
    "websocket",
    "long-polling",
    "callback-polling",
  ]);
  assert.deepEqual(offeredTypes({ transports, jsonp: "handshake-only" }), ["websocket", "long-polling"]);
});
