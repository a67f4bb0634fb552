/** Who was sent away while its line was broken. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { LINE_PREFIX } from "../../src/sessions/wording.ts";
import { connect, type Message, publish } from "../wire/support/messages.ts";
import { World } from "./world.ts";

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
