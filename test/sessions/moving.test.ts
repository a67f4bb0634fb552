/** Sessions that outlive their node, and nodes that outlive an outage: real nodes over one memory store, on a fake clock. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { resolveConfig } from "../../src/config/index.ts";
import { type FaultyEngine, faulty, MemoryStore, memoryEngine } from "../../src/engine/index.ts";
import { createNode } from "../../src/node.ts";
import type { Node } from "../../src/node-contract.ts";
import type { Link } from "../../src/sessions/gateway.ts";
import { FakeClock, seededRandom } from "../../src/testing/fake-clock.ts";
import { connect, handshake, lineOf, type Message, minted, subscribe } from "../wire/support/messages.ts";

const LEASE = 4_000;
const GRACE = 30_000;
const quiet = { debug() {}, info() {}, warn() {}, error() {} };
const config = resolveConfig({ faye: { grace: GRACE / 1000 }, cluster: { lease: LEASE / 1000 } });
const runner = {
  run: async () => ({ ok: true as const, response: {} }),
  promises: () => null,
  documentation: () => ({}),
  list: () => [],
};

class World {
  readonly clock = new FakeClock();
  readonly random = seededRandom(1);
  readonly store = new MemoryStore({ clock: this.clock, random: this.random });

  readonly link: Link = {
    transport: "long-polling",
    once: true,
    writable: true,
    requester: { remoteIP: "10.0.0.1", remotePort: 1, secure: false, headers: {}, cookies: {} },
    send() {},
    close() {},
  };

  async node(): Promise<{ node: Node; engine: FaultyEngine }> {
    const { clock, random } = this;
    const engine = faulty(memoryEngine(this.store), { clock, random });
    const node = createNode({ config, hooks: {}, runner, engine, clock, random, log: quiet });
    await node.start();
    return { node, engine };
  }

  /** One request over HTTP, and all that comes back. */
  async post(node: Node, ...unit: Message[]): Promise<Message[]> {
    const { answer, arrived } = await this.slowly(node, ...unit);
    arrived();
    return answer;
  }

  /** One request whose answer has arrived at its client when that is said. */
  async slowly(node: Node, ...unit: Message[]): Promise<{ answer: Message[]; arrived: () => void }> {
    let answer: string | undefined;
    let handed: ((whole: boolean) => void) | undefined;
    node.gateway.receive(unit, {
      ...this.link,
      send: (text, done) => {
        answer = text;
        handed = done;
      },
    });
    await this.clock.advance(100);
    assert.ok(answer !== undefined, "answered at once");
    return { answer: JSON.parse(answer) as Message[], arrived: () => handed?.(true) };
  }

  /** A session of our own client, with its line. */
  async begin(node: Node): Promise<{ clientId: string; token: string }> {
    const [shaken] = await this.post(node, handshake({ ext: { actionwire: { client: 1 } } }));
    const { clientId, connectionId } = minted(shaken!);
    const { resume } = (shaken!.ext as { actionwire: { resume: { token: string } } }).actionwire;
    await this.post(node, subscribe(clientId, lineOf(connectionId)));
    return { clientId, token: resume.token };
  }

  async resumes(node: Node, token: string): Promise<boolean> {
    const [shaken] = await this.post(
      node,
      handshake({ ext: { actionwire: { client: 1, resume: { token, positions: {} } } } }),
    );
    const { resume } = (shaken!.ext as { actionwire: { resume: { resumed: boolean } } }).actionwire;
    return resume.resumed;
  }
}

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
