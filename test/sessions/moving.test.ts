/** Sessions that outlive their node, and nodes that outlive an outage. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Runner } from "../../src/actions/runner.ts";
import { roomTopic } from "../../src/engine/contract.ts";
import { EngineFailure } from "../../src/engine/index.ts";
import type { Link } from "../../src/sessions/gateway.ts";
import { parseCredential } from "../../src/sessions/ids.ts";
import {
  connect,
  handshake,
  lineOf,
  type Message,
  minted,
  publish,
  subscribe,
} from "../wire/support/messages.ts";
import { GRACE, LEASE, stamped, World } from "./world.ts";

test("what a session lost with its node is not forgotten when it moves on before its client is back", async () => {
  const w = new World();
  const [first, second] = [await w.node(), await w.node()];
  const { clientId, token } = await w.begin(first.node);
  first.engine.kill();
  await w.clock.advance(4 * LEASE);
  assert.equal(second.node.counts().sessions, 1);
  const third = await w.node();
  const [reply] = await w.post(third.node, connect(clientId, { advice: { timeout: 0 } }));
  assert.equal(reply!.successful, false);
  assert.equal((reply!.advice as { reconnect: string }).reconnect, "handshake");
  assert.equal(await w.resumes(third.node, token), true);
});

test("while its engine is away nobody can come back to a node: that time is no part of the grace", async () => {
  const w = new World();
  const { node } = await w.node();
  const { token } = await w.begin(node);
  await w.clock.advance(GRACE - 10_000);
  w.store.fail();
  await w.clock.advance(15_000);
  w.store.recover();
  await w.clock.advance(GRACE - 10_000);
  assert.equal(await w.resumes(node, token), true);
});

test("a store that lost everything and knows a session by half does not have its numbers begin again", async () => {
  const w = new World();
  let joins = Number.POSITIVE_INFINITY;
  const { node } = await w.node((operation, run) => {
    if (operation === "join") {
      if (joins === 0) throw new EngineFailure("unavailable", "no more joins");
      joins -= 1;
    }
    return run();
  });
  const session = await w.begin(node);
  for (const n of [1, 2, 3]) assert.equal((await w.say(node, session, n)).code, "");
  w.store.clear();
  // It is a member again, but not yet of how many says.
  joins = 1;
  await w.clock.advance(5_000);
  assert.equal((await w.say(node, session, 4)).ack.error, "503::Service unavailable");
  joins = Number.POSITIVE_INFINITY;
  await w.clock.advance(5_000);
  assert.equal((await w.say(node, session, 3)).code, "", "a repeat");
  assert.equal((await w.say(node, session, 4)).code, "");
  assert.equal((await w.say(node, session, 6)).code, "earlier_missing");
});

test("what was announced in a log that is lost is not announced again in the one after it", async () => {
  const w = new World();
  let lose = "";
  const { node, engine } = await w.node(async (operation, run) => {
    const done = await run();
    if (operation !== lose) return done;
    lose = "";
    w.store.clear();
    throw new EngineFailure("unknown", "no answer");
  });
  const session = await w.begin(node);
  const change = async (room: string): Promise<void> => {
    node.gateway.receive([publish(session.clientId, session.line, { event: "roomChange", room })], w.link);
    await w.clock.advance(5_000);
  };
  const entries = async (room: string): Promise<number> => (await engine.position(roomTopic(room))).offset;
  const members = async (room: string): Promise<number> =>
    (await engine.members(roomTopic(room), null, 10)).total;
  lose = "join";
  await change("green");
  assert.deepEqual([await members("green"), await entries("green")], [1, 0]);
  lose = "leave";
  await change("red");
  assert.deepEqual([await members("green"), await entries("green")], [0, 0]);
  // That it entered was said for the first time after the loss.
  assert.deepEqual([await members("red"), await entries("red")], [1, 1]);
});

test("whether a say was stored in what is lost, nobody knows: also when its node is killed", async () => {
  const w = new World();
  let answers = true;
  const { node, engine } = await w.node(async (operation, run) => {
    const done = await run();
    if (operation === "append" && !answers) throw new EngineFailure("unknown", "no answer");
    return done;
  });
  const other = await w.node();
  const session = await w.begin(node);
  assert.equal((await w.say(node, session, 1)).code, "");
  answers = false;
  const said = publish(session.clientId, session.line, { event: "say", message: "say 2" }, stamped(2));
  node.gateway.receive([said], w.link);
  await w.clock.advance(20_000);
  w.store.clear();
  await w.clock.advance(5_000);
  engine.kill();
  await w.clock.advance(4 * LEASE);
  const { clientId } = minted(await w.resume(other.node, session.token));
  assert.equal((await w.say(other.node, { ...session, clientId }, 2)).code, "outcome_unknown");
  assert.equal((await w.say(other.node, { ...session, clientId }, 3)).code, "");
});

test("a session that was let go and not claimed is not lost with what the store knew of it", async () => {
  const w = new World();
  const [first, second] = [await w.node(), await w.node()];
  const { clientId, token } = await w.begin(first.node);
  const claim = second.engine.claimConnection.bind(second.engine);
  second.engine.claimConnection = () => Promise.reject(new EngineFailure("unavailable", "just then"));
  await w.post(second.node, connect(clientId, { advice: { timeout: 0 } }));
  assert.equal(first.node.counts().sessions, 0);
  second.engine.claimConnection = claim;
  w.store.clear();
  await w.clock.advance(3 * LEASE);
  assert.equal(first.node.counts().sessions + second.node.counts().sessions, 1);
  assert.equal(await w.resumes(second.node, token), true);
});

test("a handshake that comes after a later one of the same client takes nothing over", async () => {
  const w = new World();
  const [first, second] = [await w.node(), await w.node()];
  const { token } = await w.begin(first.node);
  const current = await w.resume(first.node, token, 3);
  for (const attempt of [2, 3]) {
    const late = await w.resume(second.node, token, attempt);
    assert.equal(late.successful, false);
    assert.equal((late.advice as { reconnect: string }).reconnect, "handshake");
  }
  const { clientId } = minted(current);
  const replies = await w.post(first.node, connect(clientId, { advice: { timeout: 0 } }));
  assert.equal(replies.at(-1)?.successful, true);
});

for (const moves of [false, true]) {
  test(`a late word of a client from before it was in a room takes nothing of it away${moves ? ", on another node" : ""}`, async () => {
    const w = new World();
    const [first, second] = [await w.node(), await w.node()];
    const { clientId, line } = await w.begin(first.node);
    for (const n of [1, 2]) await first.node.api.rooms.broadcast("defaultRoom", n);
    await w.post(first.node, publish(clientId, line, { event: "roomChange", room: "green" }, stamped(1)));
    const heard: Message[] = [];
    for (let polls = 0; polls < 3; polls += 1)
      heard.push(...(await w.poll(moves ? second.node : first.node, clientId)));
    const left = heard.findIndex(
      ({ ext }) => (ext as { actionwire?: Message })?.actionwire?.left !== undefined,
    );
    const before = heard.slice(0, left).map(({ data }) => (data as Message | undefined)?.message);
    assert.deepEqual(
      before.filter((message) => typeof message === "number"),
      [1, 2],
    );
  });
}

test("whose answer to a handshake was lost comes back with the same token", async () => {
  const w = new World();
  const { node } = await w.node();
  const { token } = await w.begin(node);
  await w.resume(node, token, 2);
  const { clientId } = minted(await w.resume(node, token, 3));
  const replies = await w.post(node, connect(clientId, { advice: { timeout: 0 } }));
  assert.equal(replies.at(-1)?.successful, true);
});

test("what has moved on since a node was asked what it owns is not taken from its new owner", async () => {
  const w = new World();
  const [first, second] = [await w.node(), await w.node()];
  const { clientId } = await w.begin(first.node);
  await w.post(second.node, connect(clientId, { advice: { timeout: 0 } }));
  const { connection: connectionId } = parseCredential(clientId)!;
  const before = await first.engine.readConnection(connectionId);
  first.engine.ownedConnections = async () => [connectionId];
  await w.clock.advance(4 * LEASE);
  assert.deepEqual(await first.engine.readConnection(connectionId), before);
  assert.equal(second.node.counts().sessions, 1);
});

test("who moves on while the answer to the subscription is on its way is greeted there, once", async () => {
  const w = new World();
  const [first, second] = [await w.node(), await w.node()];
  const [shaken] = await w.post(first.node, handshake());
  const { clientId, connectionId } = minted(shaken!);
  const { arrived } = await w.slowly(first.node, subscribe(clientId, lineOf(connectionId)));
  const welcomes = (answer: Message[]): number =>
    answer.filter(({ data }) => (data as Message | undefined)?.welcome !== undefined).length;
  const now = connect(clientId, { advice: { timeout: 0 } });
  const before = welcomes(await w.post(second.node, now));
  arrived();
  await w.clock.advance(1000);
  assert.equal(
    before + welcomes(await w.post(second.node, now)) + welcomes(await w.post(first.node, now)),
    1,
  );
});

test("a socket or an event stream that went while its session was on its way carries nothing", async () => {
  for (const transport of ["websocket", "eventsource"] as const) {
    const w = new World();
    const [first, second] = [await w.node(), await w.node()];
    const [shaken] = await w.post(first.node, handshake());
    const { clientId, connectionId } = minted(shaken!);
    await w.post(first.node, subscribe(clientId, lineOf(connectionId)));
    const link: Link = { ...w.link, transport, once: false };
    if (transport === "eventsource") void second.node.gateway.stream(clientId, link);
    else second.node.gateway.receive([connect(clientId, { connectionType: transport })], link);
    second.node.gateway.closed(link);
    await w.clock.advance(1000);
    assert.equal(second.node.counts().sessions, 1);
    assert.equal(second.node.counts().carried, 0, transport);
    await w.clock.advance(GRACE + 2000);
    const { members } = await second.node.api.rooms.members("defaultRoom");
    assert.deepEqual(Object.keys(members), [], transport);
  }
});

test("an event stream that opens beside polls takes nothing before its client shows that it is open there", async () => {
  const w = new World();
  const { node } = await w.node();
  const { clientId } = await w.begin(node);
  await w.poll(node, clientId);
  const streamed: Message[] = [];
  const link: Link = {
    ...w.link,
    transport: "eventsource",
    once: false,
    send: (text) => streamed.push(...(JSON.parse(text) as Message[])),
  };
  assert.equal(await node.gateway.stream(clientId, link), true);
  const heard = (messages: Message[]) => messages.flatMap(({ data }) => (data as Message)?.message ?? []);
  await node.api.rooms.broadcast("defaultRoom", 1);
  await w.clock.advance(1000);
  assert.deepEqual(streamed, []);
  assert.deepEqual(heard(await w.poll(node, clientId)), [1]);
  // Of what it was given it says that it has nothing.
  const ext = { actionwire: { positions: {} } };
  await w.post(node, connect(clientId, { connectionType: "eventsource", ext }));
  await node.api.rooms.broadcast("defaultRoom", 2);
  await w.clock.advance(1000);
  assert.deepEqual(heard(streamed), [1, 2]);
});

test("a node that has just been started is not taken for one that is gone", async () => {
  const w = new World();
  const [first, second] = [await w.node(), await w.node()];
  const { clientId } = await w.begin(first.node);
  for (const { node } of [first, second, first]) await w.poll(node, clientId);
  const third = await w.node();
  for (const { node } of [third, first, second]) {
    const replies = await w.poll(node, clientId);
    assert.equal(replies.at(-1)!.successful, true);
  }
});

test("an answer that waits for the next poll when its node stops is given by another one", async () => {
  const w = new World();
  const [first, second] = [await w.node(), await w.node()];
  const [shaken] = await w.post(first.node, handshake());
  const { clientId, connectionId } = minted(shaken!);
  await w.post(first.node, subscribe(clientId, lineOf(connectionId)));
  await w.poll(first.node, clientId);
  await w.post(first.node, publish(clientId, lineOf(connectionId), { event: "roomView" }));
  const stopped = first.node.stop(1_000);
  await w.clock.advance(5_000);
  await stopped;
  const answers = (await w.poll(second.node, clientId)).map(({ data }) => data as Message | undefined);
  assert.equal(answers.filter((data) => data?.context === "response").length, 1);
});

for (const idempotent of [true, false]) {
  test(`an action of a stock client whose node was killed is ${idempotent ? "run again" : "of unknown outcome"} when the client repeats it`, async () => {
    const w = new World();
    const ran: string[] = [];
    const counting = (name: string): Partial<Runner> => ({
      promises: () => ({ idempotent, journal: false, timeout: 600_000 }),
      async run() {
        ran.push(name);
        return { ok: true, response: { name } };
      },
    });
    const first = await w.node(undefined, counting("first"));
    const second = await w.node(undefined, counting("second"));
    const [shaken] = await w.post(first.node, handshake());
    const { clientId, connectionId } = minted(shaken!);
    const line = lineOf(connectionId);
    await w.post(first.node, subscribe(clientId, line));
    const call = (n: number): Message => ({
      ...publish(clientId, line, { event: "action", params: { action: "count", n }, messageId: `m${n}` }),
      id: `p${n}`,
    });
    await w.post(first.node, call(1));
    first.engine.kill();
    await w.clock.advance(4 * LEASE);
    const poll = async (): Promise<Message[]> =>
      (await w.post(second.node, connect(clientId, { advice: { timeout: 0 } })))
        .map(({ data }) => data as Message)
        .filter((data) => data?.context === "response");
    for (let times = 0; times < 2; times += 1) {
      const [ack] = await w.post(second.node, call(1));
      assert.equal(ack!.successful, true);
    }
    await w.post(second.node, call(2));
    const responses = [...(await poll()), ...(await poll())];
    assert.deepEqual(
      responses.map(({ messageId, code, name }) => [messageId, code ?? name]),
      [
        ["m1", idempotent ? "second" : "outcome_unknown"],
        ["m2", "second"],
      ],
    );
    assert.deepEqual(ran, idempotent ? ["first", "second", "second"] : ["first", "second"]);
  });

  test(`an action whose node dies after its session has moved is ${idempotent ? "run again" : "of unknown outcome"}, at once`, async () => {
    const w = new World();
    const ran: string[] = [];
    const working = (name: string, run: Runner["run"]): Partial<Runner> => ({
      promises: () => ({ idempotent, journal: false, timeout: 600_000 }),
      run(call) {
        ran.push(name);
        return run(call);
      },
    });
    const first = await w.node(
      undefined,
      working("first", () => new Promise(() => {})),
    );
    const second = await w.node(
      undefined,
      working("second", async ({ params }) => ({ ok: true, response: { sum: params.a } })),
    );
    const { clientId, line } = await w.begin(first.node);
    const asked = { event: "action", params: { action: "slow", a: 7 }, messageId: "m1" };
    await w.post(first.node, publish(clientId, line, asked));
    const responses = async (): Promise<Message[]> =>
      (await w.poll(second.node, clientId))
        .map(({ data }) => data as Message)
        .filter((data) => data?.context === "response");
    await responses();
    await w.clock.advance(4 * LEASE);
    assert.deepEqual(await responses(), [], "its node lives");
    first.engine.kill();
    await w.clock.advance(2 * LEASE);
    const [response, ...more] = await responses();
    assert.deepEqual(more, []);
    assert.equal(response?.messageId, "m1");
    if (idempotent) assert.equal(response?.sum, 7);
    else assert.equal(response?.code, "outcome_unknown");
    assert.deepEqual(ran, idempotent ? ["first", "second"] : ["first"]);
  });
}
