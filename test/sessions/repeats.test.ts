/** Actions that were begun at a node which was killed, asked again at another one. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Runner } from "../../src/actions/runner.ts";
import type { Node } from "../../src/node-contract.ts";
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

type Promised = ReturnType<Runner["promises"]>;

/** An action at two nodes, of which the first never comes to its end; and what it was given, at which node. */
async function two(promised: Promised) {
  const w = new World();
  const ran: { at: string; key: string | undefined }[] = [];
  const at = (name: string, run: Runner["run"]): Partial<Runner> => ({
    promises: () => promised,
    run(call) {
      ran.push({ at: name, key: call.idempotencyKey });
      return run(call);
    },
  });
  const first = await w.node(
    undefined,
    at("first", () => new Promise(() => {})),
  );
  const second = await w.node(
    undefined,
    at("second", async () => ({ ok: true, response: { at: "second" } })),
  );
  const kill = async (): Promise<void> => {
    first.engine.kill();
    await w.clock.advance(4 * LEASE);
  };
  return { w, ran, first: first.node, second: second.node, kill };
}

const asked = (messageId: string, more: object = {}): Message => ({
  event: "action",
  params: { action: "it" },
  messageId,
  ...more,
});

const responses = (answer: readonly Message[]): [unknown, unknown][] =>
  answer
    .map(({ data }) => data as Message | undefined)
    .filter((data) => data?.context === "response")
    .map((data) => [data!.messageId, data!.code ?? data!.at]);

/** A session of a stock client that has its line. */
async function stock(w: World, node: Node): Promise<{ clientId: string; line: string }> {
  const [shaken] = await w.post(node, handshake());
  const { clientId, connectionId } = minted(shaken!);
  await w.post(node, subscribe(clientId, lineOf(connectionId)));
  return { clientId, line: lineOf(connectionId) };
}

const JOURNAL = { idempotent: false, journal: true, timeout: 600_000 };
const IDEMPOTENT = { idempotent: true, journal: false, timeout: 600_000 };

test("a journalled action of a stock client whose node was killed in the middle of it is of unknown outcome, and ran once", async () => {
  const { w, ran, first, second, kill } = await two(JOURNAL);
  const { clientId, line } = await stock(w, first);
  const call = (n: number): Message => publish(clientId, line, asked(`m${n}`), { id: `p${n}` });
  const poll = async (): Promise<[unknown, unknown][]> =>
    responses(await w.post(second, connect(clientId, { advice: { timeout: 0 } })));
  await w.post(first, call(1));
  await kill();
  for (let times = 0; times < 2; times += 1) {
    const [ack] = await w.post(second, call(1));
    assert.equal(ack!.successful, true);
  }
  // The client's next publish under the name of the one before it, whatever the message's own id.
  await w.post(second, publish(clientId, line, asked("m1"), { id: "p9" }));
  await w.post(second, call(2));
  assert.deepEqual(
    [...(await poll()), ...(await poll())],
    [
      ["m1", "outcome_unknown"],
      ["m1", "outcome_unknown"],
      ["m2", "second"],
    ],
  );
  assert.deepEqual(
    ran.map(({ at }) => at),
    ["first", "second"],
  );
});

test("a journalled action of ours whose node was killed in the middle of it is of unknown outcome each time it is asked again", async () => {
  const { w, ran, first, second, kill } = await two(JOURNAL);
  const { clientId, line, token } = await w.begin(first);
  await w.post(first, publish(clientId, line, asked("m1")));
  await kill();
  const back = minted(await w.resume(second, token)).clientId;
  await w.poll(second, back);
  for (let times = 0; times < 2; times += 1) {
    await w.post(second, publish(back, line, asked("m1", { resend: true })));
    assert.deepEqual(responses(await w.poll(second, back)), [["m1", "outcome_unknown"]]);
  }
  assert.deepEqual(
    ran.map(({ at }) => at),
    ["first"],
  );
});

test("an idempotent action that is run again at another node has the key it had, and no other action has it", async () => {
  for (const ours of [false, true]) {
    const { w, ran, first, second, kill } = await two(IDEMPOTENT);
    const { clientId, line, token } = ours
      ? await w.begin(first)
      : { ...(await stock(w, first)), token: undefined };
    await w.post(first, publish(clientId, line, asked("m1"), { id: "p1" }));
    await kill();
    const back = token === undefined ? clientId : minted(await w.resume(second, token)).clientId;
    if (ours) await w.poll(second, back);
    await w.post(second, publish(back, line, asked("m1", { resend: ours }), { id: "p1" }));
    await w.post(second, publish(back, line, asked("m2"), { id: "p2" }));
    assert.deepEqual(
      ran.map(({ at }) => at),
      ["first", "second", "second"],
    );
    const [before, again, other] = ran.map(({ key }) => key);
    assert.ok(before);
    assert.equal(again, before);
    assert.ok(other);
    assert.notEqual(other, before);
  }
});
