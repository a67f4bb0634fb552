/** Credentials that end: from then on nothing is delivered and nothing done, until the client has come with another one. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { expiring, type Hooks, Refusal } from "../../src/hooks.ts";
import type { Node } from "../../src/node-contract.ts";
import type { Link } from "../../src/sessions/gateway.ts";
import {
  connect,
  handshake,
  lineOf,
  type Message,
  minted,
  publish,
  subscribe,
} from "../wire/support/messages.ts";
import { LEASE, World } from "./world.ts";

/** Milliseconds that a credential holds. */
const HOLDS = 10_000;

/** A credential is `name until`. */
function guarded(): World {
  const hooks: Hooks = {
    authenticate({ ext }) {
      const [name, until] = String(ext.token).split(" ");
      if (name === "mallory") throw new Refusal("not you");
      return expiring({ name: name! }, Number(until));
    },
  };
  return new World({}, hooks);
}

const shake = (token: string, actionwire: object | undefined): Message =>
  handshake({ ext: { token, ...(actionwire && { actionwire }) } });

const heard = (messages: readonly Message[]): unknown[] =>
  messages.flatMap(({ data }) => {
    const { message } = (data ?? {}) as Message;
    return typeof message === "number" ? [message] : [];
  });

/** A connect that is held, and what comes of it. */
function hold(node: Node, link: Link, clientId: string): Message[] {
  const answer: Message[] = [];
  const held = connect(clientId, { ext: { actionwire: { positions: {} } } });
  node.gateway.receive([held], {
    ...link,
    send: (text, done) => {
      answer.push(...(JSON.parse(text) as Message[]));
      done?.(true);
    },
  });
  return answer;
}

async function enter(
  w: World,
  node: Node,
  actionwire?: object,
): Promise<{ clientId: string; line: string; token: string }> {
  const [shaken] = await w.post(node, shake(`alice ${w.clock.now() + HOLDS}`, actionwire));
  const { clientId, connectionId } = minted(shaken!);
  const { resume } = (shaken!.ext as { actionwire: { resume: { token: string } } }).actionwire;
  await w.post(node, subscribe(clientId, lineOf(connectionId)));
  await w.post(node, connect(clientId, { advice: { timeout: 0 } }));
  return { clientId, line: lineOf(connectionId), token: resume.token };
}

for (const moves of [false, true]) {
  test(`a credential ends under a held poll${moves ? ", after its node was killed" : ""}; with another one its client goes on`, async () => {
    const w = guarded();
    const [first, second] = [await w.node(), await w.node()];
    const { clientId, line, token } = await enter(w, first.node, { client: 1 });
    const { node } = moves ? second : first;
    if (moves) {
      first.engine.kill();
      await w.clock.advance(2 * LEASE);
    }
    const answer = hold(node, w.link, clientId);
    if (!moves) {
      await w.clock.advance(HOLDS);
      assert.equal(answer.length, 1);
      assert.equal(String(answer[0]!.error).slice(0, 4), "401:");
      assert.equal((answer[0]!.advice as Message).reconnect, "handshake");
    }
    await w.clock.advance(HOLDS);
    for (const n of [1, 2]) await node.api.rooms.broadcast("defaultRoom", n);
    const asked = connect(clientId, { advice: { timeout: 0 } });
    assert.deepEqual(heard([...answer, ...(await w.post(node, asked))]), []);
    const [ack] = await w.post(node, publish(clientId, line, { event: "say", message: 3 }));
    assert.equal(String(ack?.error).slice(0, 4), "401:");

    const resumed = async (credential: string): Promise<Message> => {
      const resume = { token, positions: {} };
      return (await w.post(node, shake(credential, { client: 1, resume })))[0]!;
    };
    const late = await resumed(`alice ${w.clock.now() - 1}`);
    assert.deepEqual([late.successful, late.error], [false, "403::the credential has expired"]);
    const other = await resumed(`mallory ${w.clock.now() + HOLDS}`);
    assert.equal(other.error, "403::not you");
    const good = await resumed(`alice ${w.clock.now() + HOLDS}`);
    const { resume } = (good.ext as { actionwire: { resume: { resumed: boolean } } }).actionwire;
    assert.equal(resume.resumed, true);
    assert.deepEqual(heard(await w.poll(node, minted(good).clientId)), [1, 2]);
  });
}

test("a session of another client ends with its credential, and what it was owed goes to nobody", async () => {
  const w = guarded();
  const { node } = await w.node();
  const [shaken] = await w.post(node, shake(`bob ${w.clock.now() + HOLDS}`, undefined));
  const { clientId, connectionId } = minted(shaken!);
  const got: Message[] = [];
  let writable = true;
  const socket: Link = {
    ...w.link,
    transport: "websocket",
    once: false,
    get writable() {
      return writable;
    },
    send: (text) => got.push(...(JSON.parse(text) as Message[])),
  };
  node.gateway.receive([subscribe(clientId, lineOf(connectionId))], socket);
  node.gateway.receive([connect(clientId, { connectionType: "websocket" })], socket);
  await w.clock.advance(100);
  await node.api.rooms.broadcast("defaultRoom", 1);
  await w.clock.advance(HOLDS / 2);
  assert.deepEqual(heard(got), [1]);
  writable = false;
  await node.api.rooms.broadcast("defaultRoom", 2);
  await w.clock.advance(HOLDS);
  writable = true;
  node.gateway.drained(socket);
  await node.api.rooms.broadcast("defaultRoom", 3);
  await w.clock.advance(1000);
  assert.deepEqual(heard(got), [1]);
  assert.equal((got.at(-1)!.advice as Message).reconnect, "handshake");
  const { members } = await node.api.rooms.members("defaultRoom");
  assert.deepEqual(Object.keys(members), []);
});

test("an event stream ends with the credential, and is not opened again", async () => {
  const w = guarded();
  const { node } = await w.node();
  const { clientId } = await enter(w, node, { client: 1 });
  const got: Message[] = [];
  const closed: number[] = [];
  const again: number[] = [];
  const stream = (): Link => ({
    ...w.link,
    transport: "eventsource",
    once: false,
    send: (text) => got.push(...(JSON.parse(text) as Message[])),
    close: (code) => closed.push(code),
    again: (ms) => again.push(ms),
  });
  assert.equal(await node.gateway.stream(clientId, stream()), true);
  await w.clock.advance(HOLDS + 1000);
  await node.api.rooms.broadcast("defaultRoom", 1);
  await w.clock.advance(1000);
  assert.deepEqual([closed.length, again.length, heard(got)], [1, 1, []]);
  assert.equal(await node.gateway.stream(clientId, stream()), true);
  assert.equal((got.at(-1)!.advice as Message).reconnect, "handshake");
  assert.equal(closed.length, 2);
});

for (const op of ["connected", "without a line", "on another node"] as const) {
  test(`an identity is disconnected, and so is its session that is ${op}`, async () => {
    const w = guarded();
    const [first, second] = [await w.node(), await w.node()];
    const [shaken] = await w.post(first.node, shake(`alice ${w.clock.now() + HOLDS}`, undefined));
    const [other] = await w.post(first.node, shake(`bob ${w.clock.now() + HOLDS}`, undefined));
    const { clientId, connectionId } = minted(shaken!);
    if (op !== "without a line") await w.post(first.node, subscribe(clientId, lineOf(connectionId)));
    const { node } = op === "on another node" ? second : first;
    const disconnected = async (): Promise<number> => {
      const counted = node.api.connections.disconnectIdentity({ name: "alice" });
      await w.clock.advance(100);
      return counted;
    };
    assert.equal(await disconnected(), 1);
    assert.equal(await disconnected(), 0);
    const [refused] = await w.post(first.node, subscribe(clientId, "/news"));
    assert.equal(String(refused!.error).slice(0, 4), "401:");
    const [granted] = await w.post(first.node, subscribe(minted(other!).clientId, "/news"));
    assert.equal(granted!.successful, true);
  });
}

test("a time that is none is a mistake of the application", () => {
  assert.throws(() => expiring({ name: "alice" }, Number.NaN), RangeError);
});
