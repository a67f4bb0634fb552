import assert from "node:assert/strict";
import type { Engine } from "../contract.ts";
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
];
