import assert from "node:assert/strict";
import type { Append } from "../contract.ts";
import { all, payloads, type Rule, rejects, said, store, together } from "./harness.ts";

const T = "room:shared";

/** Two nodes, one store. */
export const sharedRules: readonly Rule[] = [
  together(201, "what one node appends the other reads, at the same positions", async (a, b) => {
    const start = await a.engine.position(T);
    assert.deepEqual(await b.engine.position(T), start);
    const first = await store(a.engine, T, said("1"));
    const second = await store(b.engine, T, said("2"));
    assert.equal(second.offset, first.offset + 1);
    assert.deepEqual(await a.engine.read(T, start, 9), await b.engine.read(T, start, 9));
    assert.deepEqual(await all(a.engine, T, start), ["1", "2"]);
  }),

  together(
    202,
    "new entries reach every node that watches, whole and in order on a quiet network",
    async (a, b, stage) => {
      await a.engine.watch(T);
      await b.engine.watch(T);
      for (let i = 1; i <= 20; i++) await store(i % 2 ? a.engine : b.engine, T, said(`${i}`));
      for (const { heard } of [a, b]) {
        const pushed = () => heard.entries.flatMap((push) => push.entries);
        await stage.eventually("twenty entries are pushed", () => pushed().length === 20);
        assert.deepEqual(
          payloads(pushed()),
          Array.from({ length: 20 }, (_, i) => `${i + 1}`),
        );
      }
    },
  ),

  together(203, "only nodes that watch are told", async (a, b, stage) => {
    await a.engine.watch(T);
    await b.engine.watch("room:end");
    await store(b.engine, T, said("1"));
    await store(a.engine, "room:end", said("end"));
    await stage.eventually(
      "both are told",
      () => a.heard.entries.length === 1 && b.heard.entries.length === 1,
    );
    assert.equal(a.heard.entries[0]?.topic, T);
    assert.equal(b.heard.entries[0]?.topic, "room:end");
  }),

  together(204, "a claim tells the former owner, and nobody else", async (a, b, stage) => {
    await a.engine.createConnection("c", { x: "1" });
    const claim = await b.engine.claimConnection("c", 1, {});
    assert.deepEqual(claim, { outcome: "claimed", state: { fence: 2, owner: "b", fields: { x: "1" } } });
    await b.engine.claimConnection("c", 2, {});
    await stage.eventually("the former owner is told", () => a.heard.claimed.length > 0);
    assert.deepEqual(a.heard.claimed, [{ connection: "c", fence: 2 }]);
    await stage.backend.advance(50);
    assert.deepEqual(b.heard.claimed, []);
  }),

  together(205, "a former owner writes, removes and claims nothing any more", async (a, b) => {
    await a.engine.createConnection("c", { x: "1" });
    await b.engine.claimConnection("c", 1, {});
    await rejects(a.engine.writeConnection("c", 1, { x: "2" }, 5), "fenced");
    await rejects(a.engine.removeConnection("c", 1), "fenced");
    const state = { fence: 2, owner: "b", fields: { x: "1" } };
    assert.deepEqual(await a.engine.claimConnection("c", 1, { x: "3" }), { outcome: "moved", state });
    assert.deepEqual(await a.engine.readConnection("c"), state);
  }),

  together(206, "of two claims at once one gets it, and the other is told who", async (a, b) => {
    await a.engine.createConnection("c", {});
    const claims = await Promise.all([
      a.engine.claimConnection("c", 1, {}),
      b.engine.claimConnection("c", 1, {}),
    ]);
    const state = await a.engine.readConnection("c");
    assert.deepEqual(claims.map((claim) => claim.outcome).sort(), ["claimed", "moved"]);
    assert.equal(state?.fence, 2);
    assert.equal(state.owner, claims[0].outcome === "claimed" ? "a" : "b");
    for (const claim of claims) assert.deepEqual(claim.outcome === "gone" ? null : claim.state, state);
  }),

  together(207, "one number published through two nodes at once is stored once", async (a, b) => {
    const start = await a.engine.position(T);
    const entry = said("1", { id: "p", fence: 1, n: 1 });
    const outcomes = await Promise.all([a.engine.append(T, entry), b.engine.append(T, entry)]);
    assert.deepEqual(outcomes.map((one) => one.outcome === "stored" && one.repeat).sort(), [false, true]);
    assert.deepEqual(await all(a.engine, T, start), ["1"]);
  }),

  together(208, "joining through two nodes at once is one membership and one announcement", async (a, b) => {
    const join = { id: "m", fence: 1, act: 1, info: "{}", announce: { payload: "came", upTo: 9 } };
    const joined = await Promise.all([a.engine.join(T, join), b.engine.join(T, join)]);
    assert.deepEqual(joined.map((one) => one.repeat).sort(), [false, true]);
    assert.deepEqual(joined[0].position, joined[1].position);
    assert.equal((await a.engine.position(T)).offset, 1);
    assert.equal((await b.engine.members(T, null, 9)).total, 1);
  }),

  together(209, "a text reaches the node it is for, in order, with its sender", async (a, b, stage) => {
    for (const text of ["1", "2", "3"]) await a.engine.send("b", text);
    await b.engine.send("a", "back");
    await stage.eventually(
      "all arrive",
      () => b.heard.messages.length === 3 && a.heard.messages.length === 1,
    );
    assert.deepEqual(
      b.heard.messages,
      ["1", "2", "3"].map((text) => ({ from: "a", text })),
    );
    assert.deepEqual(a.heard.messages, [{ from: "b", text: "back" }]);
  }),

  together(
    210,
    "a text for a node that is not there is unavailable; a stopped node hears nothing",
    async (a, b, stage) => {
      await rejects(a.engine.send("nobody", "x"), "unavailable");
      await b.engine.watch(T);
      await b.engine.stop();
      let heard = true;
      const drop = (): void => {
        heard = false;
      };
      for (let waited = 0; heard && waited < 5_000; waited += 10) {
        void a.engine.send("b", "x").catch(drop);
        await stage.backend.advance(10);
      }
      await rejects(a.engine.send("b", "x"), "unavailable");
      await store(a.engine, T, said("1"));
      await stage.backend.advance(50);
      assert.deepEqual(b.heard.messages, []);
      assert.deepEqual(b.heard.entries, []);
    },
  ),

  together(211, "a claim moves a connection from what the one owns to what the other owns", async (a, b) => {
    for (const id of ["c1", "c2"]) await a.engine.createConnection(id, {});
    await b.engine.claimConnection("c1", 1, {});
    assert.deepEqual(await b.engine.ownedConnections("a", null, 9), ["c2"]);
    assert.deepEqual(await a.engine.ownedConnections("b", null, 9), ["c1"]);
  }),

  together(212, "everybody sees every lease, and a lapsed node while it owns connections", async (a, b) => {
    await a.engine.renewLease(5_000);
    await b.engine.renewLease(9_000);
    await a.engine.createConnection("c", {});
    const leases = async (): Promise<Record<string, boolean>> =>
      Object.fromEntries((await b.engine.nodes()).map(({ node, remaining }) => [node, remaining > 0]));
    assert.deepEqual(await leases(), { a: true, b: true });
    await a.engine.releaseLease();
    assert.deepEqual(await leases(), { a: false, b: true });
    await b.engine.claimConnection("c", 1, {});
    assert.deepEqual(await leases(), { b: true });
  }),

  together(213, "of two who take a free line at once one holds it", async (a, b) => {
    const hold = (holder: string) => ({ holder, fence: 1, act: 1, proofs: ["p"] });
    const outcomes = await Promise.all([
      a.engine.holdLine("line:l", hold("x")),
      b.engine.holdLine("line:l", hold("y")),
    ]);
    assert.deepEqual([...outcomes].sort(), ["held", "refused"]);
    assert.equal(await a.engine.lineHolder("line:l"), outcomes[0] === "held" ? "x" : "y");
  }),

  together(
    214,
    "a record that another node has restored with the same fence or a higher one stands",
    async (a, b) => {
      await a.engine.restoreConnection("c", 3, { x: "a" });
      await rejects(b.engine.restoreConnection("c", 3, { x: "b" }), "fenced");
      await b.engine.restoreConnection("c", 4, { x: "b" });
      await rejects(a.engine.restoreConnection("c", 3, { x: "a" }), "fenced");
      assert.deepEqual(await a.engine.readConnection("c"), { fence: 4, owner: "b", fields: { x: "b" } });
      assert.deepEqual(await a.engine.ownedConnections("a", null, 9), []);
    },
  ),

  together(
    215,
    "a store that came back empty has new epochs and nothing in it, and every node is told to doubt",
    async (a, b, stage) => {
      const before = await store(a.engine, T, said("1"));
      await a.engine.watch(T);
      await a.engine.createConnection("c", {});
      await a.engine.join(T, { id: "m", fence: 1, act: 1, info: "{}" });
      await a.engine.holdLine("line:l", { holder: "c", fence: 1, act: 1, proofs: [] });
      await a.engine.renewLease(9_000);
      await stage.backend.clear!();
      await stage.eventually("both are told", () => a.heard.doubts > 0 && b.heard.doubts > 0);
      const after = await b.engine.position(T);
      assert.notEqual(after.epoch, before.epoch);
      assert.deepEqual({ offset: after.offset, count: after.count }, { offset: 0, count: 0 });
      const reading = await b.engine.read(T, before, 9);
      assert.deepEqual({ missed: reading.missed, from: reading.from }, { missed: null, from: after });
      assert.equal(await b.engine.readConnection("c"), null);
      assert.equal((await b.engine.members(T, null, 9)).total, 0);
      assert.equal(await b.engine.lineHolder("line:l"), null);
      assert.deepEqual(await b.engine.nodes(), []);
    },
    { clear: true },
  ),

  together(
    216,
    "what was watched before a store came back empty is watched after",
    async (a, b, stage) => {
      await a.engine.watch(T);
      await stage.backend.clear!();
      await stage.eventually("it is told", () => a.heard.doubts > 0);
      const { epoch } = await store(b.engine, T, said("new"));
      await stage.eventually("the entry is pushed", () =>
        a.heard.entries.some((push) => push.epoch === epoch),
      );
    },
    { clear: true },
  ),

  together(
    217,
    "while the store is away everything is unavailable; afterwards all is as it was and every node is told to doubt",
    async (a, b, stage) => {
      const head = await store(a.engine, T, said("1"));
      await stage.backend.fail!();
      await rejects(a.engine.append(T, said("2")), "unavailable");
      await rejects(b.engine.read(T, head, 1), "unavailable");
      assert.equal(await a.engine.ready(), false);
      await stage.backend.recover!();
      await stage.eventually("both are told", () => a.heard.doubts > 0 && b.heard.doubts > 0);
      assert.equal(await a.engine.ready(), true);
      assert.deepEqual(await b.engine.position(T), head);
    },
    { outage: true },
  ),

  together(
    218,
    "a store that was rewound has the records of then, new epochs and nobody in them, and every node is told to doubt",
    async (a, b, stage) => {
      const publisher = { id: "m", fence: 2 };
      const say = (n: number): Append => ({ ...said(`${n}`, { ...publisher, n }), requires: "member" });
      await a.engine.createConnection("m", { at: "then" });
      await a.engine.join(T, { id: "m", fence: 2, act: 1, info: "{}" });
      const before = await store(a.engine, T, say(1));
      await stage.backend.save!();
      await a.engine.writeConnection("m", 1, { at: "later" }, 2);
      await a.engine.createConnection("n", {});
      await a.engine.leave(T, { id: "m", fence: 2, act: 3 });
      await stage.backend.rewind!();
      await stage.eventually("both are told", () => a.heard.doubts > 0 && b.heard.doubts > 0);
      assert.deepEqual(await b.engine.readConnection("m"), { fence: 1, owner: "a", fields: { at: "then" } });
      assert.equal(await b.engine.readConnection("n"), null);
      assert.deepEqual(await b.engine.members(T, null, 9), { members: [], total: 0 });
      assert.deepEqual(await a.engine.append(T, say(2)), { outcome: "not_member" });
      const after = await b.engine.position(T);
      assert.notEqual(after.epoch, before.epoch);
      assert.deepEqual({ offset: after.offset, count: after.count }, { offset: 0, count: 0 });
      assert.equal((await b.engine.read(T, before, 9)).missed, null);
      await rejects(a.engine.join(T, { id: "m", fence: 1, act: 9, info: "{}" }), "fenced");
    },
    { rewind: true },
  ),

  together(
    219,
    "after a rewind a join is a new membership from where the log ends, announced, and its numbers go on",
    async (a, b, stage) => {
      const publisher = { id: "m", fence: 1 };
      const join = { id: "m", fence: 1, act: 1, info: "{}", announce: { payload: '"in"', upTo: 9 } };
      await a.engine.join(T, join);
      await store(a.engine, T, said("1", { ...publisher, n: 1 }));
      await stage.backend.save!();
      await a.engine.leave(T, { id: "m", fence: 1, act: 2 });
      await stage.backend.rewind!();
      await stage.eventually("both are told", () => a.heard.doubts > 0 && b.heard.doubts > 0);
      await store(b.engine, T, said("not for it"));
      // Its own acts may be repeated: what they did is lost.
      const joined = await a.engine.join(T, join);
      const { epoch } = joined.position;
      assert.deepEqual(joined, {
        position: { epoch, offset: 2, count: 1 },
        repeat: false,
        last: 1,
        members: 1,
      });
      assert.deepEqual(await all(b.engine, T, { epoch, offset: 0, count: 0 }), ["not for it", '"in"']);
      assert.deepEqual(await a.engine.members(T, null, 9), {
        members: [{ id: "m", info: "{}" }],
        total: 1,
      });
      assert.deepEqual(await a.engine.join(T, { ...join, act: 3 }), { ...joined, repeat: true });
    },
    { rewind: true },
  ),

  together(
    220,
    "after a rewind nobody holds a line, and it is kept for whoever held it then",
    async (a, b, stage) => {
      const hold = { fence: 1, act: 1, proofs: [] };
      await a.engine.holdLine("line:l", { ...hold, holder: "x" });
      await stage.backend.save!();
      await stage.backend.rewind!();
      await stage.eventually("both are told", () => a.heard.doubts > 0 && b.heard.doubts > 0);
      assert.equal(await b.engine.lineHolder("line:l"), null);
      const send: Append = { ...said('"to it"'), requires: "held" };
      assert.deepEqual(await b.engine.append("line:l", send), { outcome: "not_held" });
      assert.equal(await b.engine.holdLine("line:l", { ...hold, holder: "y" }), "refused");
      assert.equal(await a.engine.holdLine("line:l", { ...hold, holder: "x" }), "held");
      assert.equal(await b.engine.lineHolder("line:l"), "x");
      assert.equal((await b.engine.append("line:l", send)).outcome, "stored");
    },
    { rewind: true },
  ),
];
