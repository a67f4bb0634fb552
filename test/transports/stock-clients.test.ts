/** The stock clients, driven against the protocol and the transports with the simplest gateway that can be. */
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { before, describe, type TestContext, test } from "node:test";
import {
  connectReply,
  DEFAULT_MESSAGE_LIMITS,
  disconnectReply,
  handshakeReply,
  parseMessage,
  publishReply,
  retry,
  subscriptionReply,
} from "../../src/bayeux/index.ts";
import type { Link } from "../../src/sessions/gateway.ts";
import { eventually, type Fixture, start } from "./fixture.ts";

interface FayeClient {
  disable(feature: string): void;
  subscribe(channel: string, heard: (data: unknown) => void): PromiseLike<void>;
  publish(channel: string, data: unknown): PromiseLike<void>;
  disconnect(): PromiseLike<void>;
}

interface CometdMessage {
  readonly successful: boolean;
  readonly data: unknown;
}

interface CometdClient {
  configure(options: object): void;
  unregisterTransport(name: string): void;
  handshake(done: (reply: CometdMessage) => void): void;
  subscribe(channel: string, heard: (message: CometdMessage) => void): void;
  publish(channel: string, data: unknown, done: (reply: CometdMessage) => void): void;
  disconnect(done: () => void): void;
}

const require = createRequire(import.meta.url);
const ADVICE = retry(25_000, 0, 120_000);

/** Delivers every publish to the publisher; holds connects until the session says goodbye. */
async function echoServer(t: TestContext): Promise<{ fixture: Fixture; kinds: Set<string> }> {
  const fixture = await start(t);
  const kinds = new Set<string>();
  const held = new Map<string, { link: Link; reply: object }>();
  fixture.gateway.onUnit = (unit, link) => {
    const replies: object[] = [];
    for (const raw of unit) {
      const message = parseMessage(raw, DEFAULT_MESSAGE_LIMITS);
      kinds.add(`${link.transport} ${message.kind}`);
      if (message.kind === "refused") {
        replies.push(message.reply);
      } else if (message.kind === "handshake") {
        const { types } = DEFAULT_MESSAGE_LIMITS;
        replies.push(handshakeReply(message, { clientId: "abc123", advice: ADVICE, types }));
      } else if (message.kind === "connect") {
        const reply = connectReply(message, { advice: ADVICE });
        if (message.timeout === 0 || unit.length > 1) replies.push(reply);
        else held.set(message.clientId, { link, reply });
      } else if (message.kind === "publish") {
        replies.push(publishReply(message), { channel: message.channel, data: message.data });
      } else if (message.kind === "disconnect") {
        const waiting = held.get(message.clientId);
        held.delete(message.clientId);
        waiting?.link.send(JSON.stringify([waiting.reply]));
        replies.push(disconnectReply(message));
      } else {
        replies.push(subscriptionReply(message));
      }
    }
    if (replies.length > 0) link.send(JSON.stringify(replies));
  };
  return { fixture, kinds };
}

for (const transport of ["websocket", "long-polling"]) {
  describe(`over ${transport}`, () => {
    test("Faye: subscribe, publish, a refused publish, disconnect", async (t) => {
      const { fixture, kinds } = await echoServer(t);
      const faye = require("faye") as { Client: new (url: string) => FayeClient };
      const client = new faye.Client(`${fixture.origin}/faye`);
      if (transport === "long-polling") client.disable("websocket");
      const heard: unknown[] = [];
      await client.subscribe("/a", (data) => heard.push(data));
      await client.publish("/a", { x: 1 });
      await eventually(() => heard.length === 1, "the delivery");
      const refusal = await client.publish("/a.b", 1).then(
        () => undefined,
        (error: { code: number; message: string }) => [error.code, error.message],
      );
      assert.deepEqual(refusal, [405, "Invalid channel"]);
      await client.disconnect();
      assert.deepEqual(heard, [{ x: 1 }]);
      assert.ok(kinds.has(`${transport} publish`) && kinds.has("long-polling handshake"));
    });

    test("CometD: handshake, subscribe, publish, disconnect", async (t) => {
      const { fixture, kinds } = await echoServer(t);
      const { CometD } = require("cometd") as { CometD: new () => CometdClient };
      const client = new CometD();
      if (transport === "long-polling") client.unregisterTransport("websocket");
      client.configure({ url: `${fixture.origin}/faye`, logLevel: "error" });
      const heard: unknown[] = [];
      const shaken = await new Promise<CometdMessage>((done) =>
        client.handshake((reply) => {
          client.subscribe("/a", (message) => heard.push(message.data));
          done(reply);
        }),
      );
      assert.equal(shaken.successful, true);
      const published = await new Promise<CometdMessage>((done) => client.publish("/a", { y: 2 }, done));
      assert.equal(published.successful, true);
      await eventually(() => heard.length === 1, "the delivery");
      assert.deepEqual(heard, [{ y: 2 }]);
      assert.ok(kinds.has(`${transport} handshake`) && kinds.has(`${transport} publish`));
      await new Promise<void>((done) => client.disconnect(done));
    });
  });
}

before(() => {
  (require("cometd-nodejs-client") as { adapt(): void }).adapt();
});
