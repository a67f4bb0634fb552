import assert from "node:assert/strict";
import type { Engine } from "../contract.ts";
import { alone, BOUNDS, type Rule, rejects, said, staged, store } from "./harness.ts";

const SILENT = { entries: () => {}, claimed: () => {}, message: () => {}, doubt: () => {} };

/** One call of each operation, for what must hold of all. */
const everything = (engine: Engine): (() => Promise<unknown>)[] => {
  const position = { epoch: "e", offset: 0, count: 0 };
  return [
    () => engine.renewLease(1_000),
    () => engine.releaseLease(),
    () => engine.nodes(),
    () => engine.send("a", "x"),
    () => engine.createConnection("c", {}),
    () => engine.restoreConnection("c", 1, {}),
    () => engine.readConnection("c"),
    () => engine.claimConnection("c", 1, {}),
    () => engine.writeConnection("c", 1, {}, 1),
    () => engine.removeConnection("c", 1),
    () => engine.ownedConnections("a", null, 1),
    () => engine.append("room:x", said("1")),
    () => engine.position("room:x"),
    () => engine.read("room:x", position, 1),
    () => engine.watch("room:x"),
    () => engine.unwatch("room:x"),
    () => engine.join("room:x", { id: "m", fence: 1, act: 1, info: "{}" }),
    () => engine.leave("room:x", { id: "m", fence: 1, act: 1 }),
    () => engine.updateMember("room:x", "m", 1, "{}", 1),
    () => engine.members("room:x", null, 1),
    () => engine.holdLine("line:x", { holder: "h", fence: 1, act: 1, proofs: [] }),
    () => engine.releaseLine("line:x", "h", 1, 1),
    () => engine.lineHolder("line:x"),
  ];
};

/** Lifecycle, leases, and what flows back. */
export const nodeRules: readonly Rule[] = [
  {
    number: 191,
    title: "before `start` and after `stop` every operation is unavailable and the engine is not ready",
    tier: 1,
    run: staged(BOUNDS, async ({ backend }) => {
      const engine = backend.engine();
      const dead = async (): Promise<void> => {
        assert.equal(await engine.ready(), false);
        for (const operation of everything(engine)) await rejects(operation(), "unavailable");
      };
      await dead();
      await engine.start("a", SILENT);
      assert.equal(await engine.ready(), true);
      await engine.stop();
      await dead();
      await engine.stop();
    }),
  },

  alone(
    192,
    "a lease runs down by the engine's clock, is renewed, and can be given up",
    async (engine, { backend }) => {
      assert.deepEqual(await engine.nodes(), []);
      await engine.renewLease(10_000);
      const remaining = async (): Promise<number> => {
        const [lease, ...others] = await engine.nodes();
        assert.deepEqual(others, []);
        assert.equal(lease?.node, "a");
        return lease.remaining;
      };
      const first = await remaining();
      assert.ok(first > 9_000 && first <= 10_000, `${first}`);
      await backend.advance(1_500);
      const second = await remaining();
      assert.ok(second > 7_500 && second <= 8_500, `${second}`);
      await engine.renewLease(10_000);
      assert.ok((await remaining()) > 9_000);
      await engine.releaseLease();
      assert.deepEqual(await engine.nodes(), []);
    },
    { needs: { time: 1_500 } },
  ),

  alone(
    193,
    "a node without a lease is listed while it owns connections, with nothing remaining",
    async (engine, { backend }) => {
      const lapsed = async (): Promise<void> => {
        const nodes = await engine.nodes();
        assert.deepEqual(
          nodes.map(({ node }) => node),
          ["a"],
        );
        assert.ok(nodes[0]!.remaining <= 0);
      };
      await engine.createConnection("c", {});
      await lapsed();
      await engine.renewLease(500);
      await backend.advance(1_000);
      await lapsed();
      await engine.removeConnection("c", 1);
      assert.deepEqual(await engine.nodes(), []);
    },
    { needs: { time: 1_000 } },
  ),

  {
    number: 194,
    title:
      "new entries of a watched topic are pushed in order, with its epoch; of others, or after `unwatch`, nothing is",
    tier: 1,
    run: staged(BOUNDS, async (stage) => {
      const { engine, heard } = await stage.node("a");
      await store(engine, "room:x", said("before"));
      await engine.watch("room:x");
      await engine.watch("room:end");
      const { epoch } = await store(engine, "room:x", said("1"));
      await store(engine, "room:other", said("other"));
      await engine.append("room:x", { kind: "announcement", from: "m", payload: "2" });
      const pushed = () =>
        heard.entries.filter((push) => push.topic === "room:x").flatMap((push) => push.entries);
      await stage.eventually("two entries are pushed", () => pushed().length === 2);
      assert.deepEqual(pushed(), [
        { offset: 2, count: 2, kind: "message", from: null, payload: "1" },
        { offset: 3, count: 2, kind: "announcement", from: "m", payload: "2" },
      ]);
      assert.deepEqual(new Set(heard.entries.map((push) => push.epoch)), new Set([epoch]));
      await engine.unwatch("room:x");
      await store(engine, "room:x", said("unheard"));
      await store(engine, "room:end", said("end"));
      await stage.eventually("the end is pushed", () =>
        heard.entries.some((push) => push.topic === "room:end"),
      );
      assert.equal(pushed().length, 2);
      assert.ok(heard.entries.every((push) => push.topic !== "room:other"));
    }),
  },

  {
    number: 195,
    title: "a push never comes within the operation that caused it",
    tier: 1,
    run: staged(BOUNDS, async (stage) => {
      const { engine, heard } = await stage.node("a");
      await engine.watch("room:x");
      const appending = engine.append("room:x", said("1"));
      assert.equal(heard.entries.length, 0);
      await appending;
      await stage.eventually("the entry is pushed", () => heard.entries.length === 1);
    }),
  },

  {
    number: 196,
    title: "a node can write to itself; texts arrive in order",
    tier: 1,
    run: staged(BOUNDS, async (stage) => {
      const { engine, heard } = await stage.node("a");
      for (const text of ["1", "2", "3"]) await engine.send("a", text);
      await stage.eventually("three texts arrive", () => heard.messages.length === 3);
      assert.deepEqual(heard.messages, [
        { from: "a", text: "1" },
        { from: "a", text: "2" },
        { from: "a", text: "3" },
      ]);
    }),
  },

  {
    number: 197,
    title: "of watch and unwatch the one called last counts, in whatever order they end",
    tier: 1,
    run: staged(BOUNDS, async (stage) => {
      const { engine, heard } = await stage.node("a");
      await engine.watch("room:x");
      await Promise.all([engine.unwatch("room:x"), engine.watch("room:x")]);
      await Promise.all([engine.watch("room:y"), engine.unwatch("room:y")]);
      await store(engine, "room:y", said("1"));
      await store(engine, "room:x", said("2"));
      await stage.eventually("what is watched is pushed", () => heard.entries.length > 0);
      assert.deepEqual(
        heard.entries.map(({ topic }) => topic),
        ["room:x"],
      );
    }),
  },
];
