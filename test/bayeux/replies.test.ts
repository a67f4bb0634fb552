import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type Answerable,
  connectReply,
  DEFAULT_MESSAGE_LIMITS,
  disconnectReply,
  failure,
  handshakeRefused,
  handshakeReply,
  none,
  parseMessage,
  publishReply,
  retry,
  subscriptionReply,
} from "../../src/bayeux/index.ts";

function message<K extends Answerable["kind"]>(kind: K, raw: object): Extract<Answerable, { kind: K }> {
  const parsed = parseMessage({ clientId: "h1", ...raw }, DEFAULT_MESSAGE_LIMITS);
  assert.equal(parsed.kind, kind);
  return parsed as Extract<Answerable, { kind: K }>;
}

const types = ["websocket"];
const advice = retry(25_000, 0, 120_000);

test("handshake (cases 41, 53, 60)", () => {
  const raw = {
    channel: "/meta/handshake",
    version: "1.0",
    supportedConnectionTypes: types,
    ext: { secret: 1 },
  };
  const shaken = message("handshake", { ...raw, id: 0 });
  assert.deepEqual(handshakeReply(shaken, { clientId: "abc", advice, types }), {
    id: 0,
    channel: "/meta/handshake",
    successful: true,
    version: "1.0",
    supportedConnectionTypes: types,
    clientId: "abc",
    advice,
  });
  assert.deepEqual(handshakeReply(shaken, { clientId: "abc", advice, types, ext: { ack: true } }).ext, {
    ack: true,
  });
  assert.deepEqual(handshakeRefused(shaken, "403::no", none(), types), {
    id: 0,
    channel: "/meta/handshake",
    successful: false,
    version: "1.0",
    supportedConnectionTypes: types,
    error: "403::no",
    advice: none(),
  });
});

test("connect", () => {
  const connect = message("connect", { channel: "/meta/connect", connectionType: "websocket", id: "9" });
  assert.deepEqual(connectReply(connect, { advice }), {
    id: "9",
    channel: "/meta/connect",
    successful: true,
    advice,
  });
  assert.deepEqual(connectReply(connect, { advice, ext: { ack: 1 } }).ext, { ack: 1 });
  assert.deepEqual(failure(connect, "401:h1:Unknown client", advice), {
    id: "9",
    channel: "/meta/connect",
    successful: false,
    error: "401:h1:Unknown client",
    advice,
  });
});

test("subscribe and unsubscribe echo the subscription as it came (cases 84, 92, 95)", () => {
  for (const kind of ["subscribe", "unsubscribe"] as const) {
    for (const subscription of ["/a", ["/a", "/b"], []]) {
      const asked = message(kind, { channel: `/meta/${kind}`, subscription, id: "" });
      const start = { id: "", channel: `/meta/${kind}` };
      assert.deepEqual(subscriptionReply(asked), { ...start, successful: true, subscription });
      assert.deepEqual(failure(asked, "e"), { ...start, successful: false, subscription, error: "e" });
    }
  }
});

test("publish and disconnect: no data, no clientId (cases 102, 120)", () => {
  const publish = message("publish", { channel: "/a", data: 5, id: "1" });
  assert.deepEqual(publishReply(publish), { id: "1", channel: "/a", successful: true });
  assert.deepEqual(failure(publish, "e"), { id: "1", channel: "/a", successful: false, error: "e" });
  const disconnect = message("disconnect", { channel: "/meta/disconnect" });
  assert.deepEqual(disconnectReply(disconnect), { channel: "/meta/disconnect", successful: true });
});
