import assert from "node:assert/strict";
import { alone, type Rule, rejects } from "./harness.ts";

/** Records, fences and owners. */
export const connectionRules: readonly Rule[] = [
  alone(
    161,
    "a record is created with fence 1, owned by the node; creating it again has no effect",
    async (engine) => {
      await engine.createConnection("c", { a: "1" });
      await engine.createConnection("c", { a: "2", b: "2" });
      assert.deepEqual(await engine.readConnection("c"), { fence: 1, owner: "a", fields: { a: "1" } });
      assert.equal(await engine.readConnection("nobody"), null);
    },
  ),

  alone(162, "a claim moves the fence up by one and merges fields in", async (engine) => {
    await engine.createConnection("c", { a: "1", b: "1" });
    const state = { fence: 2, owner: "a", fields: { a: "1", b: "2", c: "2" } };
    assert.deepEqual(await engine.claimConnection("c", 1, { b: "2", c: "2" }), { outcome: "claimed", state });
    assert.deepEqual(await engine.readConnection("c"), state);
  }),

  alone(163, "a claim that expects another fence changes nothing and tells what stands", async (engine) => {
    await engine.createConnection("c", {});
    for (const expect of [2, 7]) {
      assert.deepEqual(await engine.claimConnection("c", expect, { x: "1" }), {
        outcome: "moved",
        state: { fence: 1, owner: "a", fields: {} },
      });
    }
  }),

  alone(
    164,
    "a claim asked again by the node that got it is answered as claimed and changes nothing",
    async (engine) => {
      await engine.createConnection("c", {});
      const first = await engine.claimConnection("c", 1, { x: "1" });
      assert.deepEqual(await engine.claimConnection("c", 1, { x: "2" }), first);
      assert.equal((await engine.readConnection("c"))?.fence, 2);
    },
  ),

  alone(165, "a record that does not exist is gone for a claim", async (engine) => {
    assert.deepEqual(await engine.claimConnection("c", 1, {}), { outcome: "gone" });
    assert.equal(await engine.readConnection("c"), null);
  }),

  alone(166, "a write merges fields in, and a null removes one", async (engine) => {
    await engine.createConnection("c", { a: "1", b: "1" });
    await engine.writeConnection("c", 1, { b: null, c: "2" }, 1);
    assert.deepEqual((await engine.readConnection("c"))?.fields, { a: "1", c: "2" });
    await engine.writeConnection("c", 1, { b: "3" }, 2);
    assert.deepEqual((await engine.readConnection("c"))?.fields, { a: "1", b: "3", c: "2" });
  }),

  alone(167, "a write under any other fence, or without a record, is refused", async (engine) => {
    await rejects(engine.writeConnection("c", 1, {}, 1), "fenced");
    await engine.createConnection("c", { a: "1" });
    await engine.claimConnection("c", 1, {});
    await rejects(engine.writeConnection("c", 1, { a: "2" }, 9), "fenced");
    await rejects(engine.writeConnection("c", 3, { a: "2" }, 9), "fenced");
    assert.deepEqual((await engine.readConnection("c"))?.fields, { a: "1" });
  }),

  alone(
    168,
    "writes that arrive late or twice end as if they had come in order, each once",
    async (engine) => {
      await engine.createConnection("c", {});
      await engine.writeConnection("c", 1, { a: "3", b: null }, 3);
      await engine.writeConnection("c", 1, { a: "2", b: "2", c: "2" }, 2);
      assert.deepEqual((await engine.readConnection("c"))?.fields, { a: "3", c: "2" });
      await engine.writeConnection("c", 1, { a: "3", c: "twice" }, 2);
      assert.deepEqual((await engine.readConnection("c"))?.fields, { a: "3", c: "2" });
    },
  ),

  alone(169, "under a new fence acts count from 1 again", async (engine) => {
    await engine.createConnection("c", {});
    await engine.writeConnection("c", 1, { a: "1", b: null }, 8);
    await engine.claimConnection("c", 1, {});
    await engine.writeConnection("c", 2, { a: "2", b: "2" }, 1);
    assert.deepEqual((await engine.readConnection("c"))?.fields, { a: "2", b: "2" });
  }),

  alone(
    170,
    "a removed record is gone; removing it again has no effect; an older fence removes nothing",
    async (engine) => {
      await engine.createConnection("c", {});
      await engine.claimConnection("c", 1, {});
      await rejects(engine.removeConnection("c", 1), "fenced");
      await engine.removeConnection("c", 2);
      await engine.removeConnection("c", 2);
      assert.equal(await engine.readConnection("c"), null);
      assert.deepEqual(await engine.claimConnection("c", 2, {}), { outcome: "gone" });
      await rejects(engine.writeConnection("c", 2, {}, 1), "fenced");
    },
  ),

  alone(171, "nothing that arrives late brings a removed record back", async (engine) => {
    await engine.createConnection("c", {});
    await engine.removeConnection("c", 1);
    await engine.createConnection("c", {});
    await rejects(engine.restoreConnection("c", 1, {}), "fenced");
    assert.equal(await engine.readConnection("c"), null);
    assert.deepEqual(await engine.ownedConnections("a", null, 9), []);
  }),

  alone(172, "a lost record is restored with its fence; the highest fence wins", async (engine) => {
    await engine.restoreConnection("c", 5, { a: "1" });
    await engine.restoreConnection("c", 5, { a: "again" });
    assert.deepEqual(await engine.readConnection("c"), { fence: 5, owner: "a", fields: { a: "1" } });
    await rejects(engine.restoreConnection("c", 4, { a: "2" }), "fenced");
    await engine.restoreConnection("c", 6, { b: "3" });
    assert.deepEqual(await engine.readConnection("c"), { fence: 6, owner: "a", fields: { b: "3" } });
    assert.deepEqual(await engine.ownedConnections("a", null, 9), ["c"]);
  }),

  alone(173, "what a node owns is paged in ascending order", async (engine) => {
    for (const id of ["d", "a", "c", "b"]) await engine.createConnection(id, {});
    assert.deepEqual(await engine.ownedConnections("a", null, 3), ["a", "b", "c"]);
    assert.deepEqual(await engine.ownedConnections("a", "c", 3), ["d"]);
    await engine.removeConnection("b", 1);
    assert.deepEqual(await engine.ownedConnections("a", "a", 3), ["c", "d"]);
    assert.deepEqual(await engine.ownedConnections("nobody", null, 3), []);
  }),

  alone(174, "field names and texts are anybody's: nothing in them has a meaning", async (engine) => {
    const fields = Object.fromEntries([
      ["__proto__", '{"x":1}'],
      ["constructor", "null"],
      ["a:b c", '"😀"'],
      ["fence", "9"],
      ["owner", '"z"'],
    ]);
    await engine.createConnection("c", fields);
    assert.deepEqual(await engine.readConnection("c"), { fence: 1, owner: "a", fields });
    await engine.writeConnection("c", 1, { owner: null, fence: '"x"' }, 1);
    const { owner: _, ...rest } = fields;
    assert.deepEqual(await engine.readConnection("c"), {
      fence: 1,
      owner: "a",
      fields: { ...rest, fence: '"x"' },
    });
  }),
];
