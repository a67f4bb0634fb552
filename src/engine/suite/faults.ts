import assert from "node:assert/strict";
import type { Clock, Random } from "../../ports.ts";
import { type Engine, EngineFailure, type Entry, type Position } from "../contract.ts";
import { type Faults, faulty, ROUGH } from "../faulty.ts";
import { announced, BOUNDS, type Heard, payloads, type Rule, type Stage, said, staged } from "./harness.ts";
import { seededRandom } from "./seeded.ts";

/** Long enough for whatever is late to have arrived. */
const QUIET = ROUGH.lateness + ROUGH.patience + 200;
/** A run of bad luck as long as this is no luck. */
const MOST_TRIES = 100;
const SEEDS = [1, 2, 3];
const T = "room:faults";

/** A rule that is played once for each seed. */
function troubled(
  number: number,
  title: string,
  play: (
    stage: Stage,
    rough: (faults?: Partial<Faults>) => (engine: Engine) => Engine,
    random: Random,
  ) => Promise<void>,
  maxMessages = 1_000,
): Rule {
  return {
    number,
    title,
    tier: 3,
    needs: { time: 60_000 },
    async run(harness) {
      for (const seed of SEEDS) {
        const random = seededRandom(number * 1_000 + seed);
        const bounds = { ...BOUNDS, maxMessages, maxAge: 600_000 };
        await staged(bounds, async (stage) => {
          const { clock } = stage.backend;
          const rough =
            (faults: Partial<Faults> = {}) =>
            (engine: Engine) =>
              faulty(engine, { clock, random, faults: { ...ROUGH, ...faults } });
          try {
            await stage.drive(play(stage, rough, random));
          } catch (failure) {
            throw new Error(`seed ${seed}: ${failure instanceof Error ? failure.message : failure}`, {
              cause: failure,
            });
          }
        })(harness);
      }
    },
  };
}

/** Does it until the outcome is known; what it returns or why it was refused. */
async function insist<T>(operation: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries++) {
    try {
      return await operation();
    } catch (failure) {
      const final =
        !(failure instanceof EngineFailure) || failure.outcome === "fenced" || tries >= MOST_TRIES;
      if (final) throw failure;
    }
  }
}

const sleep = (clock: Clock, ms: number): Promise<void> =>
  new Promise((resolve) => void clock.after(ms, resolve));

async function whole(engine: Engine, after: Position): Promise<Entry[]> {
  return [...(await engine.read(T, after, 10_000)).entries];
}

/** The pushed entries in order, holes mended by reading: what a hub does. */
async function follow(engine: Engine, heard: Heard, start: Position, until: Position): Promise<string[]> {
  const seen: string[] = [];
  let at = start;
  const take = (entry: Entry): void => {
    if (entry.offset !== at.offset + 1) return;
    seen.push(entry.payload);
    at = { epoch: at.epoch, offset: entry.offset, count: entry.count };
  };
  for (const push of heard.entries) for (const entry of push.entries) take(entry);
  while (at.offset < until.offset) {
    const reading = await insist(() => engine.read(T, at, 7));
    if (reading.missed !== 0) seen.push(`gap ${reading.missed}`);
    if (reading.missed !== 0) at = reading.from;
    for (const entry of reading.entries) take(entry);
  }
  return seen;
}

/** Behind a bad network, where an operation may be refused, lost, done without an answer, done late and done twice. */
export const faultRules: readonly Rule[] = [
  troubled(
    301,
    "who repeats until the outcome is known is stored once and in order",
    async (stage, rough) => {
      const [a, b, quiet] = [
        await stage.node("a", rough()),
        await stage.node("b", rough()),
        await stage.node("q"),
      ];
      const start = await quiet.engine.position(T);
      for (let n = 1; n <= 60; n++) {
        const through = n % 3 ? a : b;
        const done = await insist(() => through.engine.append(T, said(`${n}`, { id: "p", fence: 1, n })));
        assert.equal(done.outcome, "stored");
      }
      await sleep(stage.backend.clock, QUIET);
      assert.deepEqual(
        payloads(await whole(quiet.engine, start)),
        Array.from({ length: 60 }, (_, i) => `${i + 1}`),
      );
    },
  ),

  troubled(302, "keys published all at once are stored once each", async (stage, rough) => {
    const [a, quiet] = [await stage.node("a", rough()), await stage.node("q")];
    const start = await quiet.engine.position(T);
    const keys = Array.from({ length: 60 }, (_, i) => `${100 + i}`);
    await Promise.all(
      keys.map((key) => insist(() => a.engine.append(T, said(key, { id: "p", fence: 1, key })))),
    );
    await sleep(stage.backend.clock, QUIET);
    assert.deepEqual(payloads(await whole(quiet.engine, start)).sort(), keys);
  }),

  troubled(
    303,
    "who mends the holes of the pushes by reading sees every entry once and in order",
    async (stage, rough) => {
      const [a, quiet] = [await stage.node("a", rough()), await stage.node("q")];
      const start = await quiet.engine.position(T);
      await insist(() => a.engine.watch(T));
      for (let i = 1; i <= 80; i++) {
        await quiet.engine.append(T, said(`${i}`));
        if (i % 9 === 0) await sleep(stage.backend.clock, 30);
      }
      const head = await quiet.engine.position(T);
      await sleep(stage.backend.clock, 500);
      const seen = await follow(a.engine, a.heard, start, head);
      assert.deepEqual(
        seen,
        Array.from({ length: 80 }, (_, i) => `${i + 1}`),
      );
    },
  ),

  troubled(
    304,
    "members are what the last act says, and come and go in announcements one after the other",
    async (stage, rough, random) => {
      const [a, quiet] = [await stage.node("a", rough()), await stage.node("q")];
      const start = await quiet.engine.position(T);
      const wander = async (id: string): Promise<boolean> => {
        let inside = false;
        for (let act = 1; act <= 12; act++) {
          inside = random.fraction() < 0.5;
          const announce = { payload: `${inside ? "+" : "-"}${id}`, upTo: 99 };
          if (inside) await insist(() => a.engine.join(T, { id, fence: 1, act, info: "{}", announce }));
          else await insist(() => a.engine.leave(T, { id, fence: 1, act, announce }));
        }
        return inside;
      };
      const ids = ["m1", "m2", "m3", "m4"];
      const inside = await Promise.all(ids.map(wander));
      await sleep(stage.backend.clock, QUIET);
      const { members } = await quiet.engine.members(T, null, 99);
      assert.deepEqual(
        members.map((member) => member.id),
        ids.filter((_, i) => inside[i]),
      );
      const told = payloads(await whole(quiet.engine, start));
      for (const id of ids) {
        const own = told.filter((text) => text.endsWith(id));
        assert.deepEqual(
          own,
          own.map((_, i) => `${i % 2 ? "-" : "+"}${id}`),
        );
      }
    },
  ),

  troubled(
    305,
    "a record ends as its last owner wrote it, and every fence has had one owner",
    async (stage, rough) => {
      const nodes = [
        await stage.node("a", rough()),
        await stage.node("b", rough()),
        await stage.node("c", rough()),
      ];
      const quiet = await stage.node("q");
      await quiet.engine.createConnection("x", { by: '"q"' });
      const owners = new Map<number, Set<string>>([[1, new Set(["q"])]]);
      const written = new Map<number, string>();
      const contend = async ({ node, engine }: (typeof nodes)[number]): Promise<void> => {
        for (let round = 0; round < 8; round++) {
          const standing = await insist(() => engine.readConnection("x"));
          const claim = await insist(() => engine.claimConnection("x", standing!.fence, {}));
          if (claim.outcome !== "claimed") continue;
          const { fence } = claim.state;
          owners.set(fence, (owners.get(fence) ?? new Set()).add(node));
          try {
            for (let act = 1; act <= 3; act++) {
              const by = JSON.stringify(`${node} ${fence} ${act}`);
              await insist(() => engine.writeConnection("x", fence, { by }, act));
              written.set(fence, by);
            }
          } catch (failure) {
            assert.ok(failure instanceof EngineFailure && failure.outcome === "fenced");
          }
        }
      };
      await Promise.all(nodes.map(contend));
      await sleep(stage.backend.clock, QUIET);
      const end = await quiet.engine.readConnection("x");
      assert.ok(end && end.fence > 3);
      assert.deepEqual([...owners.get(end.fence)!], [end.owner]);
      assert.equal(end.fields.by, written.get(end.fence));
      for (const [fence, owned] of owners) assert.equal(owned.size, 1, `fence ${fence}`);
    },
  ),

  troubled(306, "a line ends with whoever the last act gave it to", async (stage, rough, random) => {
    const [a, quiet] = [await stage.node("a", rough()), await stage.node("q")];
    let holder: string | null = null;
    for (let act = 1; act <= 16; act++) {
      if (holder === null) {
        holder = random.fraction() < 0.5 ? "x" : "y";
        const hold = { holder, fence: 1, act, proofs: ["p"] };
        assert.equal(await insist(() => a.engine.holdLine("line:l", hold)), "held");
      } else {
        const former = holder;
        await insist(() => a.engine.releaseLine("line:l", former, 1, act));
        holder = null;
      }
    }
    await sleep(stage.backend.clock, QUIET);
    assert.equal(await quiet.engine.lineHolder("line:l"), holder);
  }),

  troubled(
    307,
    "what a superseded owner had under way changes nothing, however late it arrives",
    async (stage, rough) => {
      const late = rough({ refuse: 0, lose: 0, forget: 0, late: 1, repeat: 0 });
      const [a, b] = [await stage.node("a", late), await stage.node("b")];
      await b.engine.restoreConnection("x", 5, { by: '"b"' });
      await b.engine.join(T, { id: "x", fence: 5, act: 1, info: '"b"' });
      const start = await b.engine.position(T);
      const stale = [
        a.engine.writeConnection("x", 4, { by: '"a"' }, 99),
        a.engine.removeConnection("x", 4),
        a.engine.updateMember(T, "x", 4, '"a"', 99),
        a.engine.leave(T, { id: "x", fence: 4, act: 99, announce: { payload: "went", upTo: 9 } }),
        a.engine.append(T, said("stale", { id: "x", fence: 4, n: 1 })),
      ];
      for (const outcome of await Promise.allSettled(stale)) assert.equal(outcome.status, "rejected");
      await sleep(stage.backend.clock, QUIET);
      assert.deepEqual(await b.engine.readConnection("x"), { fence: 5, owner: "b", fields: { by: '"b"' } });
      assert.deepEqual(await b.engine.members(T, null, 9), { members: [{ id: "x", info: '"b"' }], total: 1 });
      assert.deepEqual(await whole(b.engine, start), []);
    },
  ),

  troubled(
    308,
    "who falls behind the bounds sees what is left in order, and is told exactly how many messages are missing",
    async (stage, rough, random) => {
      const [a, quiet] = [await stage.node("a", rough()), await stage.node("q")];
      let at = await quiet.engine.position(T);
      let count = 0;
      let missed = 0;
      const seen: number[] = [];
      const catchUp = async (): Promise<void> => {
        const reading = await insist(() => a.engine.read(T, at, 1_000));
        missed += reading.missed ?? assert.fail("nothing here makes the number unknowable");
        const messages = reading.entries.filter((entry) => entry.kind === "message");
        seen.push(...messages.map((entry) => Number(entry.payload)));
        at = reading.head;
      };
      for (let round = 0; round < 12; round++) {
        for (let burst = Math.floor(random.fraction() * 25); burst > 0; burst--) {
          await quiet.engine.append(T, said(`${++count}`));
          if (random.fraction() < 0.3) await quiet.engine.append(T, announced("somebody"));
        }
        await catchUp();
      }
      assert.ok(missed > 0, "the bursts were too small to fall behind");
      assert.equal(seen.length + missed, count);
      assert.deepEqual(
        seen,
        [...new Set(seen)].sort((x, y) => x - y),
      );
    },
    8,
  ),
];
