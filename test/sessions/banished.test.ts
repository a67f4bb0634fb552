/** Who was sent away while its line was broken. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { FaultyEngine } from "../../src/engine/index.ts";
import type { Hooks } from "../../src/hooks.ts";
import { LINE_PREFIX } from "../../src/sessions/wording.ts";
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

const actionwire = (reply: Message): Message => (reply.ext as Message).actionwire as Message;

for (const there of [false, true]) {
  test(`a kick keeps out who comes back with its token${there ? " at another node" : ""}, as long as that is remembered`, async () => {
    const w = new World();
    const { node } = await w.node();
    const { node: other } = await w.node();
    const asked = there ? other : node;
    const { line, token } = await w.begin(node);
    const kicked = node.api.connections.disconnect(line.slice(LINE_PREFIX.length), { reason: "spam" });
    await w.clock.advance(100);
    await kicked;
    for (let time = 0; time < 2; time += 1) {
      const { successful, error, advice, clientId } = await w.resume(asked, token);
      assert.equal(successful, false);
      assert.equal(error, "403::spam");
      assert.equal((advice as Message).reconnect, "none");
      assert.equal(clientId, undefined);
      await w.clock.advance(30_000);
    }
    await w.clock.advance(60_000);
    const again = await w.resume(asked, token);
    assert.equal((actionwire(again).resume as Message).resumed, false);
  });
}

const ALICE = { name: "alice" };
/** Whoever brings the token is alice, others are nobody. */
const known: Hooks = { authenticate: ({ ext }) => (ext.token === "alice" ? ALICE : null) };

for (const at of ["the node that polls", "the other node"] as const) {
  test(`an identity that is disconnected at ${at} is told so under a held poll, and its token is refused at both`, async () => {
    const w = new World({}, known);
    const nodes = [(await w.node()).node, (await w.node()).node] as const;
    const [polled, other] = nodes;
    const stranger = await w.begin(other);
    const shake = (resume: object) =>
      handshake({ ext: { token: "alice", actionwire: { client: 1, resume } } });
    const [shaken] = await w.post(other, shake({}));
    const { clientId, connectionId } = minted(shaken!);
    const { token } = actionwire(shaken!).resume as { token: string };
    await w.post(other, subscribe(clientId, lineOf(connectionId)));
    for (let n = 0; n < 2; n += 1) await w.poll(polled, clientId);
    let answer: Message[] | undefined;
    const held = connect(clientId, { id: "held", ext: { actionwire: { positions: {} } } });
    polled.gateway.receive([held], { ...w.link, send: (text) => (answer = JSON.parse(text)) });
    await w.clock.advance(5_000);
    assert.equal(answer, undefined, "held");

    const asked = at === "the other node" ? other : polled;
    const counted = asked.api.connections.disconnectIdentity(ALICE, { reason: "all out" });
    await w.clock.advance(1_000);
    assert.equal(await counted, 1);
    const [goodbye, last] = answer! as [Message, Message];
    assert.equal((goodbye.data as Message).reason, "all out");
    assert.equal((last.advice as Message).reconnect, "none");
    for (const node of [...nodes, ...nodes]) {
      const [refused] = await w.post(node, shake({ token, positions: {} }));
      assert.deepEqual([refused!.successful, refused!.error], [false, "403::all out"]);
      assert.equal((refused!.advice as Message).reconnect, "none");
      assert.equal(refused!.clientId, undefined);
      const [gone] = await w.post(
        node,
        publish(clientId, lineOf(connectionId), { event: "say", message: "hi" }),
      );
      assert.equal(String(gone!.error).slice(0, 4), "401:");
    }
    assert.equal(await w.resumes(polled, stranger.token), true, "somebody else");
  });
}

for (const [what, prepare] of [
  ["no line yet", async () => {}],
  [
    "a node that was killed",
    async (w: World, { engine }: { engine: FaultyEngine }) => {
      engine.kill();
      await w.clock.advance(4 * LEASE);
    },
  ],
] as const) {
  test(`an identity is disconnected, and so is its connection with ${what}: the token is refused`, async () => {
    const w = new World({}, known);
    const first = await w.node();
    const { node } = await w.node();
    const shake = (resume: object) =>
      handshake({ ext: { token: "alice", actionwire: { client: 1, resume } } });
    const [shaken] = await w.post(first.node, shake({}));
    const { clientId, connectionId } = minted(shaken!);
    if (what !== "no line yet") await w.post(first.node, subscribe(clientId, lineOf(connectionId)));
    await prepare(w, first);
    const counted = node.api.connections.disconnectIdentity(ALICE, { reason: "all out" });
    await w.clock.advance(1_000);
    assert.equal(await counted, 1);
    const { token } = actionwire(shaken!).resume as { token: string };
    const [refused] = await w.post(node, shake({ token, positions: {} }));
    assert.deepEqual([refused!.error, refused!.clientId], ["403::all out", undefined]);
  });
}

test("its own quit, of which the answer was lost, is the end, too", async () => {
  const w = new World();
  const { node } = await w.node();
  const { clientId, line, token } = await w.begin(node);
  await w.post(node, publish(clientId, line, { event: "quit" }));
  assert.equal((await w.resume(node, token)).error, "403::quit requested");
});

test("who may come back, and who comes with another token, begins anew", async () => {
  const w = new World();
  const { node } = await w.node();
  const { clientId, line, token } = await w.begin(node);
  const kicked = node.api.connections.disconnect(line.slice(LINE_PREFIX.length), { willRetry: true });
  await w.clock.advance(100);
  await kicked;
  assert.equal(await w.resumes(node, token), false);
  const second = await w.begin(node);
  await w.post(node, publish(second.clientId, second.line, { event: "quit" }));
  assert.equal(await w.resumes(node, `${second.token.slice(0, -1)}!`), false);
  assert.equal(await w.resumes(node, second.clientId), false);
  await w.post(node, connect(clientId));
});
