/** A store that comes back with what it had a while ago. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { lineTopic, roomTopic } from "../../src/engine/contract.ts";
import type { Engine } from "../../src/engine/index.ts";
import type { Node } from "../../src/node-contract.ts";
import { parseCredential } from "../../src/sessions/ids.ts";
import {
  connect,
  disconnect,
  handshake,
  lineOf,
  type Message,
  minted,
  publish,
  subscribe,
} from "../wire/support/messages.ts";
import { GRACE, LEASE, World } from "./world.ts";

const idOf = (session: { line: string }): string => session.line.slice(session.line.lastIndexOf("/") + 1);
const recordOf = (session: { clientId: string }): string => parseCredential(session.clientId)!.connection;

async function membersOf(engine: Engine, room: string): Promise<string[]> {
  const { members } = await engine.members(roomTopic(room), null, 10);
  return members.map(({ info }) => (JSON.parse(info) as { id: string }).id).sort();
}

/** A session of a client that keeps no positions. */
async function stock(w: World, node: Node): Promise<{ clientId: string; line: string }> {
  const [shaken] = await w.post(node, handshake());
  const { clientId, connectionId } = minted(shaken!);
  const line = lineOf(connectionId);
  await w.post(node, subscribe(clientId, line));
  return { clientId, line };
}

const change = (session: { clientId: string; line: string }, room: string): Message =>
  publish(session.clientId, session.line, { event: "roomChange", room });

test("who has changed rooms since is in one room, and hears nothing of the other before he enters it", async () => {
  const w = new World();
  const { node, engine } = await w.node();
  const stays = await w.begin(node);
  const moves = await stock(w, node);
  w.store.save();
  await w.post(node, change(moves, "green"));
  w.store.rewind();
  await w.clock.advance(1_000);
  assert.deepEqual(await membersOf(engine, "defaultRoom"), [idOf(stays)]);
  assert.deepEqual(await membersOf(engine, "green"), [idOf(moves)]);

  await w.say(node, stays, 1);
  await w.poll(node, stays.clientId);
  await w.post(node, change(moves, "defaultRoom"));
  await w.say(node, stays, 2);
  const poll = connect(moves.clientId, { advice: { timeout: 0 } });
  const told = [...(await w.post(node, poll)), ...(await w.post(node, poll)), ...(await w.post(node, poll))]
    .map(({ data }) => data as Message | undefined)
    .filter((data) => data?.context === "user" && data.room === "defaultRoom")
    .map((data) => data!.message);
  assert.deepEqual(told, ["say 2"]);
  const log = await engine.read(roomTopic("defaultRoom"), { epoch: "", offset: 0, count: 0 }, 10);
  assert.deepEqual(
    log.entries.map(({ payload }) => (JSON.parse(payload) as Message).message),
    ["say 1", "I have entered the room", "say 2"],
  );
});

test("he may do so before his node has noticed", async () => {
  const w = new World();
  const { node, engine } = await w.node();
  const stays = await w.begin(node);
  const moves = await w.begin(node);
  w.store.save();
  await w.post(node, change(moves, "green"));
  w.store.rewind();
  // The first thing that the store is asked.
  await w.post(node, change(moves, "defaultRoom"));
  await w.clock.advance(1_000);
  assert.deepEqual(await membersOf(engine, "defaultRoom"), [idOf(stays), idOf(moves)].sort());
  assert.deepEqual(await membersOf(engine, "green"), []);
});

test("whose node died with it is where the store knows him to have been, with his line, until he is given up", async () => {
  const w = new World();
  const [first, second] = [await w.node(), await w.node()];
  const session = await w.begin(first.node);
  w.store.save();
  await w.post(first.node, change(session, "green"));
  first.engine.kill();
  w.store.rewind();
  await w.clock.advance(4 * LEASE);
  const { engine } = second;
  assert.deepEqual(await membersOf(engine, "green"), []);
  assert.deepEqual(await membersOf(engine, "defaultRoom"), [idOf(session)]);
  assert.equal(await engine.lineHolder(lineTopic(idOf(session))), recordOf(session));
  assert.equal(await w.resumes(second.node, session.token), true);
  assert.deepEqual(await membersOf(engine, "defaultRoom"), [idOf(session)]);
  await w.clock.advance(GRACE + 70_000);
  assert.deepEqual(await membersOf(engine, "defaultRoom"), []);
  assert.equal(await engine.lineHolder(lineTopic(idOf(session))), null);
  assert.equal(await engine.readConnection(recordOf(session)), null);
});

test("who has ended since does not come back", async () => {
  const w = new World();
  const [first, second] = [await w.node(), await w.node()];
  const session = await w.begin(first.node);
  w.store.save();
  await w.post(first.node, disconnect(session.clientId));
  w.store.rewind();
  const { engine } = second;
  for (let passed = 0; passed < GRACE + 2 * LEASE; passed += 500) {
    await w.clock.advance(500);
    assert.deepEqual(await membersOf(engine, "defaultRoom"), []);
  }
  assert.equal(await w.resumes(second.node, session.token), false);
  await w.clock.advance(70_000);
  assert.equal(await engine.readConnection(recordOf(session)), null);
});

test("who has ended since, and is forgotten, is gone for good after lease and grace", async () => {
  const w = new World();
  const [first, second] = [await w.node(), await w.node()];
  const session = await w.begin(first.node);
  w.store.save();
  await w.post(first.node, disconnect(session.clientId));
  await w.clock.advance(70_000);
  w.store.rewind();
  await w.clock.advance((3 * LEASE) / 2 + GRACE + 2_000);
  assert.deepEqual(await membersOf(second.engine, "defaultRoom"), []);
  assert.equal(await second.engine.lineHolder(lineTopic(idOf(session))), null);
});

test("who has moved to another node since stays there, as he is", async () => {
  const w = new World();
  const [first, second] = [await w.node(), await w.node()];
  const session = await w.begin(first.node);
  w.store.save();
  const { clientId } = minted(await w.resume(second.node, session.token));
  await w.post(second.node, change({ ...session, clientId }, "green"));
  w.store.rewind();
  await w.clock.advance(4 * LEASE);
  assert.equal(second.node.counts().sessions, 1);
  assert.equal(first.node.counts().sessions, 0);
  assert.deepEqual(await membersOf(second.engine, "green"), [idOf(session)]);
  assert.deepEqual(await membersOf(second.engine, "defaultRoom"), []);
});
