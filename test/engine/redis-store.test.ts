import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import type { Redis } from "ioredis";
import type { Append, Engine } from "../../src/engine/index.ts";
import { Keys } from "../../src/engine/redis/keys.ts";
import { eventually, RedisServer } from "../support/index.ts";
import { aheadNode, rawOn, startedOn, type TestNode } from "./redis-node.ts";

const T = "room:t";
const SILENT = { entries() {}, claimed() {}, message() {}, doubt() {} };
const said = (n: number): Append => ({
  kind: "message",
  from: "p",
  payload: `"${n}"`,
  publisher: { id: "p", fence: 1, n },
});

let server: RedisServer;
let raw: Redis;
before(async () => {
  server = await RedisServer.start();
  raw = rawOn(server.port);
});
after(async () => {
  raw.disconnect();
  await server.stop();
});

/** What the engine leaves in Redis, and what it costs. */
describe("what is in Redis", () => {
  async function on(play: (node: TestNode) => Promise<void>, options = {}): Promise<void> {
    const node = await startedOn(server.port, options);
    try {
      await play(node);
    } finally {
      await node.engine.stop();
    }
  }

  test("what nobody uses any more has an end, and what is used has none", () =>
    on(async ({ engine, namespace }) => {
      await engine.renewLease(1_000);
      await engine.createConnection("p", { a: "1" });
      await engine.writeConnection("p", 1, { a: "2" }, 1);
      await engine.join(T, { id: "p", fence: 1, act: 1, info: "{}", announce: { payload: "+", upTo: 9 } });
      await engine.append(T, said(1));
      await engine.holdLine("line:p", { holder: "p", fence: 1, act: 2, proofs: ["x"] });
      await engine.position("room:unused");
      await engine.append("room:passing", { kind: "message", from: null, payload: "1" });
      const ends = async (): Promise<string[]> => {
        const keys = (await raw.keys(`${namespace}:*`)).sort();
        const left = await Promise.all(keys.map((key) => raw.pttl(key)));
        return keys.filter((_, i) => left[i] === -1).map((key) => key.slice(namespace.length + 1));
      };
      assert.deepEqual(await ends(), [
        "{c:p}:acts",
        "{c:p}:record",
        "{n:a}:entries",
        "{n:a}:owned",
        "{nodes}:leases",
        "{t:line:p}:line",
        "{t:line:p}:meta",
        "{t:room:t}:infos",
        "{t:room:t}:members",
        "{t:room:t}:meta",
        "{t:room:t}:party:p",
      ]);
      await engine.leave(T, { id: "p", fence: 1, act: 3 });
      await engine.releaseLine("line:p", "p", 1, 4);
      await engine.removeConnection("p", 1);
      assert.deepEqual(await ends(), ["{nodes}:leases"]);
    }));

  test("logs and outcomes are bounded", () =>
    on(
      async ({ engine, namespace }) => {
        const keys = new Keys(namespace).topic(T);
        for (let n = 1; n <= 600; n++) {
          await engine.append(T, said(n));
          await engine.append(T, { kind: "announcement", from: null, payload: "x" });
          const publisher = { id: "k", fence: 1, key: `key ${n}` };
          await engine.append(T, { kind: "message", from: null, payload: "x", publisher });
        }
        assert.equal(await raw.xlen(keys.messages), 20);
        assert.equal(await raw.xlen(keys.announcements), 5);
        const party = (id: string): string => new Keys(namespace).party(T, id);
        assert.ok((await raw.memory("USAGE", party("p")))! < 8_000);
        assert.ok((await raw.hlen(party("k"))) < 2 * 256 + 32);
        const repeat = await engine.append(T, said(600 - 255));
        assert.equal(repeat.outcome === "stored" && repeat.position.offset, 3 * (600 - 255) - 2);
      },
      { bounds: { maxMessages: 20 } },
    ));

  async function ahead(play: (node: ReturnType<typeof aheadNode>) => Promise<void>): Promise<void> {
    const node = aheadNode(server.port, raw);
    await node.engine.start("a", SILENT);
    try {
      await play(node);
    } finally {
      await node.engine.stop();
    }
  }

  test("keys of a publisher are forgotten with their time, though it goes on", () =>
    ahead(async ({ engine, namespace, pass }) => {
      const key = (name: string): Promise<unknown> => {
        const publisher = { id: "k", fence: 1, key: name };
        return engine.append(T, { kind: "message", from: null, payload: "x", publisher });
      };
      for (let i = 0; i < 100; i++) await key(`old ${i}`);
      await pass(660_000);
      for (let i = 0; i < 40; i++) await key(`new ${i}`);
      assert.ok((await raw.hlen(new Keys(namespace).party(T, "k"))) < 2 * 40 + 32);
    }));

  test("lapsed nodes that own nothing are forgotten", () =>
    ahead(async ({ engine, pass, namespace }) => {
      await engine.renewLease(1_000);
      await pass(5_000);
      assert.deepEqual(await engine.nodes(), []);
      const { leases } = new Keys(namespace);
      assert.equal(await raw.zcard(leases), 1);
      await pass(660_000);
      assert.deepEqual(await engine.nodes(), []);
      await eventually(async () => assert.equal(await raw.zcard(leases), 0));
      await engine.createConnection("c", {});
      assert.equal((await engine.nodes()).length, 1);
    }));
});

describe("an index that says too much", () => {
  /** Node `x` died at the worst of moments; node `b` comes to look, a while later. */
  async function died(
    leave: (x: Engine, keys: Keys) => Promise<void>,
    look: (b: Engine, keys: Keys) => Promise<void>,
  ): Promise<void> {
    const x = aheadNode(server.port, raw);
    const b = aheadNode(server.port, raw, x.namespace);
    await x.engine.start("x", SILENT);
    await b.engine.start("b", SILENT);
    await x.engine.renewLease(1_000);
    try {
      await leave(x.engine, new Keys(x.namespace));
      await x.engine.stop();
      await b.pass(70_000);
      await look(b.engine, new Keys(x.namespace));
    } finally {
      await x.engine.stop();
      await b.engine.stop();
    }
  }

  const enter = async (keys: Keys, node: string, id: string): Promise<void> => {
    const [seconds] = await raw.time();
    await raw.zadd(keys.node(node).owned, 0, id);
    await raw.hset(keys.node(node).entries, id, `1 ${Number(seconds) * 1_000}`);
  };

  test("entered, but never created: nobody is told of it, and it goes", () =>
    died(
      async (_x, keys) => enter(keys, "x", "c"),
      async (b, keys) => {
        assert.deepEqual(await b.nodes(), []);
        assert.deepEqual(await b.ownedConnections("x", null, 9), []);
        await eventually(async () => assert.equal(await raw.exists(keys.node("x").owned), 0));
      },
    ));

  test("an entry that is young may belong to a record that is being made: it stays", () =>
    died(
      async () => {},
      async (b, keys) => {
        const [seconds] = await raw.time();
        await raw.zadd(keys.node("x").owned, 0, "c");
        await raw.hset(keys.node("x").entries, "c", `1 ${Number(seconds) * 1_000 + 69_000}`);
        assert.deepEqual(await b.ownedConnections("x", null, 9), []);
        await raw.ping();
        assert.equal(await raw.exists(keys.node("x").owned), 1);
      },
    ));

  test("stale entries do not shorten a page", () =>
    died(
      async (x, keys) => {
        for (const id of ["a", "c", "e"]) await x.createConnection(id, {});
        for (const id of ["b", "d"]) await enter(keys, "x", id);
      },
      async (b) => {
        assert.deepEqual(await b.ownedConnections("x", null, 2), ["a", "c"]);
        assert.deepEqual(await b.ownedConnections("x", "c", 2), ["e"]);
      },
    ));

  test("claimed from a node that lives on, which was not told: the next claim takes it out", () =>
    died(
      async (x, keys) => {
        await x.createConnection("c", {});
        // Node y claimed it from x and died before it took it out of the index of x.
        await raw.hset(keys.connection("c").record, "owner", "y", "former", "x", "fence", "2");
        await enter(keys, "y", "c");
      },
      async (b, keys) => {
        const claim = await b.claimConnection("c", 2, {});
        assert.equal(claim.outcome, "claimed");
        for (const node of ["x", "y"]) assert.equal(await raw.exists(keys.node(node).owned), 0, node);
        assert.deepEqual(await b.ownedConnections("b", null, 9), ["c"]);
      },
    ));

  test("a claim in vain leaves nothing behind", () =>
    died(
      async (x) => x.createConnection("c", {}),
      async (b, keys) => {
        assert.equal((await b.claimConnection("c", 7, {})).outcome, "moved");
        assert.equal((await b.claimConnection("d", 1, {})).outcome, "gone");
        assert.equal(await raw.exists(keys.node("b").owned), 0);
        assert.deepEqual(await b.ownedConnections("x", null, 9), ["c"]);
      },
    ));
});

describe("what an operation costs", () => {
  let a: TestNode;
  let b: TestNode;
  before(async () => {
    a = await startedOn(server.port, { namespace: "cost", node: "a" });
    b = await startedOn(server.port, { namespace: "cost", node: "b" });
    await a.engine.renewLease(60_000);
    await b.engine.renewLease(60_000);
    await a.engine.watch(T);
    await b.engine.watch(T);
  });
  after(async () => {
    await a.engine.stop();
    await b.engine.stop();
  });

  /** Scripts and commands that nodes sent, by name, beside what the heartbeats ask. */
  async function cost(work: () => Promise<unknown>): Promise<Record<string, number>> {
    // A connection sends the text of a script the first time, and its digest from then on.
    await work();
    await raw.config("RESETSTAT");
    await work();
    const sent: Record<string, number> = {};
    for (const [, name, calls] of (await raw.info("commandstats")).matchAll(/cmdstat_([\w|]+):calls=(\d+)/g))
      sent[name!] = Number(calls);
    return sent;
  }

  /** What a script runs is counted beside it; where there is none, it was a command. */
  const outer = ({ eval: whole = 0, evalsha = 0, zrangebylex = 0 }: Record<string, number>): number =>
    whole + evalsha || zrangebylex;

  test("a say is one script and one publication, however many members and nodes", async () => {
    for (let i = 0; i < 50; i++) await a.engine.join(T, { id: `m${i}`, fence: 1, act: 1, info: "{}" });
    let n = 0;
    const sent = await cost(() =>
      a.engine.append(T, { ...said(++n), publisher: { id: "m1", fence: 1, n }, requires: "member" }),
    );
    assert.deepEqual([sent.evalsha, sent.eval, sent.spublish], [1, undefined, 1]);
    await eventually(() => {
      assert.equal(a.entries.length, 2);
      assert.equal(b.entries.length, 2);
    });
  });

  for (const [name, scripts, work] of [
    ["position", 1, () => a.engine.position(T)],
    ["read", 1, () => a.engine.read(T, { epoch: "x", offset: 0, count: 0 }, 100)],
    ["join", 1, () => a.engine.join(T, { id: "j", fence: 1, act: 1, info: "{}" })],
    ["leave", 1, () => a.engine.leave(T, { id: "j", fence: 1, act: 2 })],
    ["updateMember", 1, () => a.engine.updateMember(T, "m1", 1, "{}", 9)],
    ["members", 1, () => a.engine.members(T, null, 100)],
    ["holdLine", 1, () => a.engine.holdLine("line:x", { holder: "x", fence: 1, act: 1, proofs: [] })],
    ["releaseLine", 1, () => a.engine.releaseLine("line:x", "x", 1, 2)],
    ["renewLease", 1, () => a.engine.renewLease(60_000)],
    ["readConnection", 1, () => a.engine.readConnection("r")],
    ["writeConnection", 1, () => a.engine.writeConnection("w", 1, { x: "1" }, 1)],
    ["ownedConnections of its own", 1, () => a.engine.ownedConnections("a", null, 500)],
  ] as const) {
    test(`${name}: ${scripts}`, async () => {
      await a.engine.createConnection("w", {});
      assert.equal(outer(await cost(work)), scripts);
    });
  }

  test("createConnection: 2, removeConnection: 2; a claim within a node: 2, one from another node: 3", async () => {
    let i = 0;
    const creating = await cost(() => a.engine.createConnection(`c${++i}`, { x: "1" }));
    assert.equal(outer(creating), 2);
    assert.equal(outer(await cost(() => a.engine.removeConnection(`c${i--}`, 1))), 2);
    await a.engine.createConnection("moving", {});
    let fence = 0;
    assert.equal(outer(await cost(() => a.engine.claimConnection("moving", ++fence, {}))), 2);
    const handing = async (): Promise<void> => {
      await b.engine.claimConnection("moving", ++fence, {});
      await a.engine.claimConnection("moving", ++fence, {});
    };
    assert.equal(outer(await cost(handing)), 2 * 3);
  });
});
