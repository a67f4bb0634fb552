/** Who somebody is, as JSON has it: what the hook returned need not be what every node has. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Hooks } from "../../src/hooks.ts";
import type { Json } from "../../src/ports.ts";
import { handshake, lineOf, type Message, minted, subscribe } from "../wire/support/messages.ts";
import { World } from "./world.ts";

class User {
  readonly name = "alice";
  readonly role = undefined;
  readonly since = new Date(0);
  readonly tags = ["a", undefined];
}

const STORED = { name: "alice", since: new Date(0).toISOString(), tags: ["a", null] };

const returning = (identity: () => unknown): World =>
  new World({}, { authenticate: identity } as unknown as Hooks);

const resumeOf = (reply: Message) =>
  (reply.ext as { actionwire: { resume: { token: string; resumed: boolean } } }).actionwire.resume;

test("an identity that JSON changes is the same when its client comes back, on any node", async () => {
  const w = returning(() => new User());
  const nodes = [await w.node(), await w.node()];
  const shake = (resume: object) => handshake({ ext: { actionwire: { client: 1, resume } } });
  let [reply] = await w.post(nodes[0]!.node, shake({}));
  const { clientId, connectionId } = minted(reply!);
  await w.post(nodes[0]!.node, subscribe(clientId, lineOf(connectionId)));
  for (const { node } of [...nodes, ...nodes]) {
    [reply] = await w.post(node, shake({ token: resumeOf(reply!).token, positions: {} }));
    assert.equal(resumeOf(reply!).resumed, true);
  }
  for (const { node } of nodes) {
    assert.deepEqual((await node.api.connections.get(connectionId))?.identity, STORED);
    for (const identity of [new User() as unknown as Json, STORED])
      assert.equal(await node.api.connections.sendToIdentity(identity, { hello: 1 }), 1);
  }
  await assert.rejects(nodes[0]!.node.api.connections.sendToIdentity(1n as unknown as Json, {}), TypeError);
});

for (const [name, value] of [
  ["a function", { f() {} }],
  ["a BigInt", 1n],
  ["a symbol", Symbol("x")],
  ["a Map", { roles: new Map() }],
] as const) {
  test(`an identity that JSON cannot carry refuses the handshake for good: ${name}`, async () => {
    const w = returning(() => value);
    const { node } = await w.node();
    const [reply] = await w.post(node, handshake());
    assert.deepEqual(
      [reply!.successful, reply!.error, (reply!.advice as Message).reconnect],
      [false, "403::Handshake denied", "none"],
    );
  });
}
