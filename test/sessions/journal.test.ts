/** What is remembered of actions by the names that clients give them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Message, minted, publish } from "../wire/support/messages.ts";
import { LEASE, World } from "./world.ts";

for (const messageId of ["__proto__", "constructor", "toString", "m1"]) {
  test(`a journalled action may be called ${messageId}: it is run once, and its reply is said again`, async () => {
    const w = new World();
    let runs = 0;
    const actions = {
      promises: () => ({ idempotent: false, journal: true, timeout: 1_000 }),
      run: async () => {
        runs += 1;
        return { ok: true as const, response: { runs } };
      },
    };
    const [first, second] = [await w.node(undefined, actions), await w.node(undefined, actions)];
    const { clientId, line, token } = await w.begin(first.node);
    const data = { event: "action", params: { action: "it" }, messageId, resend: true };
    const responses = async (node: typeof first.node, session: string): Promise<unknown[]> => {
      await w.poll(node, session);
      await w.post(node, publish(session, line, data));
      return (await w.poll(node, session))
        .map(({ data }) => data as Message | undefined)
        .filter((data) => data?.context === "response")
        .map((data) => [data!.messageId, data!.runs]);
    };
    for (let n = 0; n < 2; n += 1) assert.deepEqual(await responses(first.node, clientId), [[messageId, 1]]);
    // Nothing of it is left but what is written down.
    first.engine.kill();
    await w.clock.advance(2 * LEASE);
    const back = minted(await w.resume(second.node, token)).clientId;
    assert.deepEqual(await responses(second.node, back), [[messageId, 1]]);
    assert.equal(runs, 1);
  });
}
