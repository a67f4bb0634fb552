/** What a browser does by itself when a connection breaks, made by hand: the same request again, byte for byte. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { defineAction } from "../../src/actions/index.ts";
import { eventually } from "../support/index.ts";
import { type Stage, stage } from "./stage.ts";

interface Reply {
  readonly channel: string;
  readonly clientId?: string;
  readonly successful?: boolean;
  readonly data?: Readonly<Record<string, unknown>>;
  readonly ext?: {
    readonly actionwire: { readonly connectionId: string; readonly resume: { token: string } };
  };
}

const post = async (on: Stage, messages: readonly object[]): Promise<Reply[]> => {
  const headers = { "content-type": "application/json" };
  const response = await fetch(`${on.server.url}/faye`, {
    method: "POST",
    headers,
    body: JSON.stringify(messages),
  });
  return (await response.json()) as Reply[];
};

const shake = async (on: Stage, resume?: object) => {
  const [reply] = await post(on, [
    {
      channel: "/meta/handshake",
      version: "1.0",
      supportedConnectionTypes: ["long-polling"],
      id: "1",
      ext: { actionwire: { client: 1, ...(resume ? { resume } : {}) } },
    },
  ]);
  const own = reply?.ext?.actionwire;
  assert.ok(reply?.clientId && own);
  return { clientId: reply.clientId, line: `/client/websocket/connection/${own.connectionId}`, own };
};

/** A session of our client's kind, by hand, and an action that counts. */
async function begin(t: TestContext) {
  let runs = 0;
  const count = defineAction({
    name: "count",
    description: "counts",
    run: () => {
      runs += 1;
      return { runs };
    },
  });
  const on = await stage(t, { actions: [count] });
  const session = await shake(on);
  const { clientId, line } = session;
  await post(on, [{ channel: "/meta/subscribe", clientId, subscription: line, id: "2" }]);
  const connect = (id: string) =>
    post(on, [
      {
        channel: "/meta/connect",
        clientId,
        connectionType: "long-polling",
        id,
        advice: { timeout: 0 },
        ext: { actionwire: { positions: {} } },
      },
    ]);
  const publish = (id: string, data: object, ext = {}) =>
    post(on, [{ channel: line, clientId, id, data, ext: { actionwire: ext } }]);
  await connect("3");
  return { on, session, connect, publish, runs: () => runs };
}

const responses = (replies: readonly Reply[]) =>
  replies.map(({ data }) => data).filter((data) => data?.context === "response");

test("an action that is sent again as it was runs once", async (t) => {
  const { connect, publish, runs } = await begin(t);
  const data = { event: "action", params: { action: "count" }, messageId: "m1" };
  for (let copy = 0; copy < 3; copy += 1) assert.equal((await publish("4", data))[0]?.successful, true);
  await eventually(() => assert.equal(runs(), 1));
  assert.deepEqual(
    responses(await connect("5")).map(({ messageId, runs }: Record<string, unknown> = {}) => [
      messageId,
      runs,
    ]),
    [["m1", 1]],
  );
  assert.equal(runs(), 1);
});

test("a connect that was answered is answered with its replies, another one with none of them", async (t) => {
  const { connect, publish } = await begin(t);
  await publish("4", { event: "detailsView", messageId: "m1" });
  const first = responses(await connect("5"));
  assert.equal(first.length, 1);
  assert.deepEqual(responses(await connect("6")), []);
  assert.deepEqual(responses(await connect("5")), []);
});

test("a connect that came more than once is answered with the same replies each time, and so is the next one", async (t) => {
  const { connect, publish } = await begin(t);
  await publish("4", { event: "detailsView", messageId: "m1" });
  const first = responses(await connect("5"));
  assert.equal(first.length, 1);
  assert.deepEqual(responses(await connect("5")), first);
  assert.deepEqual(responses(await connect("5")), first);
  // A network that sends a request twice hands one of the answers on, and nobody knows which.
  assert.deepEqual(responses(await connect("6")), first);
  assert.deepEqual(responses(await connect("7")), []);
});

test("a late copy of an earlier connect is answered at once with nothing, and takes no answer away", async (t) => {
  const { connect, publish } = await begin(t);
  await connect("5");
  await connect("6");
  await publish("4", { event: "detailsView", messageId: "m1" });
  assert.deepEqual(responses(await connect("5")), []);
  assert.equal(responses(await connect("7")).length, 1);
});

test("what answered the old session is not told to the one that resumes", async (t) => {
  const { on, session, publish } = await begin(t);
  // Not stored, and said so; the answer waits for a connect that never comes.
  await publish("4", { event: "say", message: "3", messageId: "m1" }, { room: "defaultRoom", n: 3 });
  const { token } = session.own.resume;
  const back = await shake(on, { token, positions: {} });
  assert.notEqual(back.clientId, session.clientId);
  assert.equal(back.line, session.line);
  const { clientId } = back;
  const replies = await post(on, [
    { channel: "/meta/connect", clientId, connectionType: "long-polling", id: "1", advice: { timeout: 0 } },
  ]);
  assert.deepEqual(responses(replies), []);
});
