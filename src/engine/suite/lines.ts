import assert from "node:assert/strict";
import { type Engine, memberFence } from "../contract.ts";
import { alone, type Rule, rejects } from "./harness.ts";

const L = "line:l";
const DAY = 24 * 60 * 60_000;

const hold = (engine: Engine, holder: string, act: number, proofs: readonly string[] = [], fence = 1) =>
  engine.holdLine(L, { holder, fence, act, proofs });

/** Lines: topics that one connection holds. */
export const lineRules: readonly Rule[] = [
  alone(181, "a free line is held by who asks; asking again is no harm", async (engine) => {
    assert.equal(await engine.lineHolder(L), null);
    assert.equal(await hold(engine, "x", 1), "held");
    assert.equal(await hold(engine, "x", 1), "held");
    assert.equal(await hold(engine, "x", 2), "held");
    assert.equal(await engine.lineHolder(L), "x");
  }),

  alone(
    182,
    "a line that somebody holds is refused to everybody else, whatever they prove",
    async (engine) => {
      await hold(engine, "x", 1, ["p"]);
      assert.equal(await hold(engine, "y", 1, ["p"]), "refused");
      assert.equal(await engine.lineHolder(L), "x");
    },
  ),

  alone(
    183,
    "a released line goes to its last holder and to who shares a proof, to nobody else",
    async (engine) => {
      await hold(engine, "x", 1, ["p", "q"]);
      await engine.releaseLine(L, "x", 1, 2);
      assert.equal(await engine.lineHolder(L), null);
      assert.equal(await hold(engine, "y", 1, ["r"]), "refused");
      assert.equal(await hold(engine, "y", 2, []), "refused");
      assert.equal(await hold(engine, "z", 1, ["r", "q"]), "held");
      await engine.releaseLine(L, "z", 1, 2);
      assert.equal(await hold(engine, "z", 3, []), "held");
    },
  ),

  alone(184, "without proofs nobody but the last holder may have it", async (engine) => {
    await hold(engine, "x", 1, []);
    await engine.releaseLine(L, "x", 1, 2);
    assert.equal(await hold(engine, "y", 1, []), "refused");
    assert.equal(await hold(engine, "y", 2, ["p"]), "refused");
    assert.equal(await hold(engine, "x", 3, []), "held");
  }),

  alone(
    185,
    "the claim of the last holder ends after a day",
    async (engine, { backend }) => {
      await hold(engine, "x", 1, ["p"]);
      await backend.advance(2 * DAY);
      assert.equal(await engine.lineHolder(L), "x");
      await engine.releaseLine(L, "x", 1, 2);
      await backend.advance(DAY - 1_000);
      assert.equal(await hold(engine, "y", 1, ["q"]), "refused");
      await backend.advance(1_000);
      assert.equal(await hold(engine, "y", 2, ["q"]), "held");
    },
    { needs: { time: 3 * DAY } },
  ),

  alone(186, "who does not hold a line releases nothing", async (engine) => {
    await hold(engine, "x", 1);
    await engine.releaseLine(L, "y", 1, 1);
    assert.equal(await engine.lineHolder(L), "x");
    await engine.releaseLine("line:free", "y", 1, 1);
    assert.equal(await engine.lineHolder("line:free"), null);
  }),

  alone(
    187,
    "a hold that arrives again after the release does not take the line, nor a late release let it go",
    async (engine) => {
      await hold(engine, "x", 1, ["p"]);
      await engine.releaseLine(L, "x", 1, 2);
      await hold(engine, "x", 1, ["p"]);
      assert.equal(await engine.lineHolder(L), null);
      await hold(engine, "x", 3, ["p"]);
      await engine.releaseLine(L, "x", 1, 2);
      assert.equal(await engine.lineHolder(L), "x");
    },
  ),

  alone(188, "under an older fence hold and release are refused", async (engine) => {
    await hold(engine, "x", 1, [], 2);
    await rejects(hold(engine, "x", 9, [], 1), "fenced");
    await rejects(engine.releaseLine(L, "x", 1, 9), "fenced");
    assert.equal(await engine.lineHolder(L), "x");
    await engine.releaseLine(L, "x", 3, 1);
    assert.equal(await engine.lineHolder(L), null);
  }),

  alone(
    189,
    "each other holder has a higher turn; who holds it again keeps its own, and brings it along to a store that lost it",
    async (engine) => {
      assert.equal(await engine.lineTurn(L), 0);
      await hold(engine, "x", 1, ["p"]);
      assert.equal(await engine.lineTurn(L), 1);
      await hold(engine, "y", 1, ["p"]);
      await engine.releaseLine(L, "x", 1, 2);
      await hold(engine, "x", 3, ["p"]);
      assert.equal(await engine.lineTurn(L), 1);
      await engine.releaseLine(L, "x", 1, 4);
      await hold(engine, "y", 2, ["p"]);
      assert.equal(await engine.lineTurn(L), 2);
      await engine.holdLine("line:lost", { holder: "x", fence: 1, act: 1, proofs: [], turn: 5 });
      await engine.holdLine("line:lost", { holder: "x", fence: 1, act: 2, proofs: [], turn: 3 });
      assert.equal(await engine.lineTurn("line:lost"), 5);
    },
  ),

  alone(
    190,
    "the next holder of a line is a member in its own right, whatever its fences",
    async (engine) => {
      const under = async (fence: number) => memberFence(await engine.lineTurn(L), fence);
      await hold(engine, "x", 1, ["p"], 9);
      const former = await under(9);
      await engine.join("room:r", { id: "l", fence: former, act: 40, info: '"x"' });
      await engine.leave("room:r", { id: "l", fence: former, act: 41 });
      await engine.releaseLine(L, "x", 9, 42);
      await hold(engine, "y", 1, ["p"], 1);
      const next = await under(1);
      assert.equal(
        (await engine.join("room:r", { id: "l", fence: next, act: 2, info: '"y"' })).repeat,
        false,
      );
      await rejects(engine.leave("room:r", { id: "l", fence: former, act: 99 }), "fenced");
      assert.deepEqual((await engine.members("room:r", null, 9)).members, [{ id: "l", info: '"y"' }]);
    },
  ),
];
