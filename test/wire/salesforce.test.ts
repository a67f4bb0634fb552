/** A consumer of Salesforce's streaming API: stock Faye, with a path, a header and extensions of its own. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { Connection } from "@jsforce/jsforce-node";
import { StreamingExtension } from "@jsforce/jsforce-node/lib/api/streaming.js";
import { Refusal } from "../../src/hooks.ts";
import { eventually } from "../support/eventually.ts";
import type { TestServer } from "../support/server.ts";
import { startApp } from "./support/app.ts";
import type { Message } from "./support/messages.ts";

const ADA = { user: "ada" };
const EVENTS = "/event/Order__e";

/** Where that API would be: those who have the token hear topics and events. */
async function startOrg(t: TestContext): Promise<TestServer> {
  const server = await startApp({
    config: { faye: { mount: "/cometd/62.0" } },
    hooks: {
      authenticate: ({ headers }) => {
        if (headers.authorization !== "OAuth good") throw new Refusal("Authentication invalid");
        return ADA;
      },
      authorizeChannel: ({ channel, operation }) =>
        operation === "subscribe" && /^\/(topic|event)\//.test(channel),
    },
  });
  t.after(async () => {
    // These clients have no end of their own: those that are told so stay away.
    await server.api.connections.disconnectIdentity(ADA);
    await server.close();
  });
  return server;
}

const login = ({ url }: TestServer, accessToken: string): Connection =>
  new Connection({ instanceUrl: url, accessToken, version: "62.0" });

const event = (n: number) => ({ event: { replayId: n }, payload: { Number__c: n } });

/** Publishes 0 to 29 and waits until that is what was heard. */
async function publishes(server: TestServer, channel: string, heard: readonly unknown[]): Promise<void> {
  const all = Array.from({ length: 30 }, (_, n) => event(n));
  for (const one of all) await server.api.publish(channel, one);
  await eventually(() => assert.deepEqual(heard, all));
}

test("a push topic is heard over long-polling", async (t) => {
  const server = await startOrg(t);
  const { streaming } = login(server, "good");
  const heard: unknown[] = [];
  await streaming.topic("Invoices").subscribe((message) => void heard.push(message));
  await publishes(server, "/topic/Invoices", heard);
});

test("an event, by a client with the extensions for replay and for failures", async (t) => {
  const server = await startOrg(t);
  const replay = new StreamingExtension.Replay(EVENTS, -1);
  const ended: Message[] = [];
  const failed = new StreamingExtension.AuthFailure((message: Message) => void ended.push(message));
  const client = login(server, "good").streaming.createClient([failed, replay]);
  const heard: unknown[] = [];
  await client.subscribe(EVENTS, (message: unknown) => void heard.push(message));
  await publishes(server, EVENTS, heard);
  await assert.rejects(async () => client.subscribe("/private/x", () => {}), /403/);
  assert.deepEqual(ended, []);
  await server.api.connections.disconnectIdentity(ADA);
  await eventually(() => assert.equal(ended.length, 1));
});

test("a token that is no good reaches the extension for failures, and nothing is tried again", async (t) => {
  const server = await startOrg(t);
  const refusal = await new Promise<Message>((resolve) => {
    const client = login(server, "bad").streaming.createClient([new StreamingExtension.AuthFailure(resolve)]);
    client.subscribe(EVENTS, () => {});
  });
  assert.equal(refusal.error, "403::Authentication invalid");
  assert.deepEqual((refusal.advice as Message).reconnect, "none");
});
