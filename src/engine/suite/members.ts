import assert from "node:assert/strict";
import type { Engine, Join, Leave } from "../contract.ts";
import { all, alone, type Rule, rejects, said, store } from "./harness.ts";

const T = "room:members";

const join = (engine: Engine, id: string, act: number, more: Partial<Join> = {}) =>
  engine.join(T, { id, fence: 1, act, info: `"${id}"`, ...more });
const leave = (engine: Engine, id: string, act: number, more: Partial<Leave> = {}) =>
  engine.leave(T, { id, fence: 1, act, ...more });
const ids = async (engine: Engine): Promise<string[]> =>
  (await engine.members(T, null, 1_000)).members.map((member) => member.id);

/** Membership is an interval of offsets. */
export const memberRules: readonly Rule[] = [
  alone(141, "a membership starts where `join` says, after its own announcement", async (engine) => {
    await store(engine, T, said("before"));
    const { epoch } = await engine.position(T);
    const joined = await join(engine, "m", 1, { announce: { payload: "came", upTo: 1 } });
    assert.deepEqual(joined, {
      position: { epoch, offset: 2, count: 1 },
      repeat: false,
      last: 0,
      members: 1,
    });
    await store(engine, T, said("after"));
    assert.deepEqual(await all(engine, T, joined.position), ["after"]);
    const reading = await engine.read(T, { epoch, offset: 1, count: 1 }, 1);
    assert.deepEqual(reading.entries, [
      { offset: 2, count: 1, kind: "announcement", from: "m", payload: "came" },
    ]);
  }),

  alone(
    142,
    "a repeated join answers with the first one's position and announces nothing",
    async (engine) => {
      const announce = { payload: "came", upTo: 9 };
      const first = await join(engine, "m", 1, { announce });
      await store(engine, T, said("1"));
      assert.deepEqual(await join(engine, "m", 1, { announce }), { ...first, repeat: true });
      assert.deepEqual(await join(engine, "m", 2, { announce }), { ...first, repeat: true });
      assert.equal((await engine.position(T)).offset, 2);
    },
  ),

  alone(
    143,
    "coming and going are announced only up to `upTo` members, the one concerned included",
    async (engine) => {
      const start = await engine.position(T);
      await join(engine, "a", 1, { announce: { payload: "+a", upTo: 1 } });
      await join(engine, "b", 1, { announce: { payload: "+b", upTo: 1 } });
      await leave(engine, "b", 2, { announce: { payload: "-b", upTo: 1 } });
      await leave(engine, "a", 2, { announce: { payload: "-a", upTo: 1 } });
      await join(engine, "c", 1);
      assert.deepEqual(await all(engine, T, start), ["+a", "-a"]);
    },
  ),

  alone(144, "a membership ends where `leave` says, before its own announcement", async (engine) => {
    await join(engine, "m", 1);
    const owed = await store(engine, T, said("owed"));
    const left = await leave(engine, "m", 2, { announce: { payload: "went", upTo: 1 } });
    assert.deepEqual(left, { position: owed, repeat: false });
    assert.deepEqual((await engine.read(T, owed, 9)).entries, [
      { offset: owed.offset + 1, count: owed.count, kind: "announcement", from: "m", payload: "went" },
    ]);
    assert.deepEqual(await ids(engine), []);
  }),

  alone(
    145,
    "a repeated leave answers with the first one's position; one who never was a member has none",
    async (engine) => {
      await join(engine, "m", 1);
      const announce = { payload: "went", upTo: 9 };
      const first = await leave(engine, "m", 2, { announce });
      await store(engine, T, said("later"));
      assert.deepEqual(await leave(engine, "m", 2, { announce }), { ...first, repeat: true });
      assert.deepEqual(await leave(engine, "m", 3, { announce }), { ...first, repeat: true });
      assert.deepEqual(await leave(engine, "x", 1, { announce }), { position: null, repeat: false });
      assert.deepEqual(await leave(engine, "x", 1, { announce }), { position: null, repeat: false });
      assert.equal((await engine.position(T)).offset, 2);
    },
  ),

  alone(146, "a join that arrives again after the leave does not bring the member back", async (engine) => {
    const first = await join(engine, "m", 1);
    await leave(engine, "m", 2);
    const late = await join(engine, "m", 1, { announce: { payload: "came", upTo: 9 } });
    assert.deepEqual(
      { position: late.position, repeat: late.repeat },
      { position: first.position, repeat: true },
    );
    assert.deepEqual(await ids(engine), []);
    assert.equal((await engine.position(T)).offset, 0);
  }),

  alone(
    147,
    "a leave that arrives again after the next join does not throw the member out",
    async (engine) => {
      await join(engine, "m", 1);
      await leave(engine, "m", 2);
      await store(engine, T, said("absent"));
      await join(engine, "m", 3);
      await leave(engine, "m", 2, { announce: { payload: "went", upTo: 9 } });
      assert.deepEqual(await ids(engine), ["m"]);
      assert.equal((await engine.position(T)).offset, 1);
    },
  ),

  alone(
    148,
    "a join after a leave under the same fence is a new membership with a new start",
    async (engine) => {
      await join(engine, "m", 1);
      await leave(engine, "m", 2);
      const absent = await store(engine, T, said("absent"));
      const joined = await join(engine, "m", 3);
      assert.deepEqual(joined, { position: absent, repeat: false, last: 0, members: 1 });
      const left = await leave(engine, "m", 4);
      assert.deepEqual(left, { position: absent, repeat: false });
    },
  ),

  alone(
    149,
    "under an older fence join, leave, update and append are refused, of members and of those who left",
    async (engine) => {
      await join(engine, "m", 1, { fence: 5 });
      const refused = async (): Promise<void> => {
        await rejects(join(engine, "m", 9, { fence: 4 }), "fenced");
        await rejects(leave(engine, "m", 9, { fence: 4 }), "fenced");
        await rejects(engine.updateMember(T, "m", 4, "{}", 9), "fenced");
        await rejects(engine.append(T, said("1", { id: "m", fence: 4, n: 1 })), "fenced");
      };
      await refused();
      assert.deepEqual(await ids(engine), ["m"]);
      await leave(engine, "m", 2, { fence: 5 });
      await refused();
      assert.deepEqual(await ids(engine), []);
      assert.equal((await engine.position(T)).offset, 0);
    },
  ),

  alone(
    150,
    "under a newer fence acts count from 1 again: a join repeats, a leave leaves",
    async (engine) => {
      const first = await join(engine, "m", 7);
      await store(engine, T, said("1"));
      assert.deepEqual(await join(engine, "m", 1, { fence: 2 }), { ...first, repeat: true });
      const left = await leave(engine, "m", 1, { fence: 3 });
      assert.equal(left.repeat, false);
      assert.deepEqual(await leave(engine, "m", 1, { fence: 4 }), { ...left, repeat: true });
      await rejects(join(engine, "m", 8), "fenced");
    },
  ),

  alone(151, "what others see of a member is what the latest act says", async (engine) => {
    const info = async () => (await engine.members(T, null, 9)).members;
    await engine.updateMember(T, "m", 1, '"none"', 1);
    assert.deepEqual(await info(), []);
    await join(engine, "m", 2, { info: '"joined"' });
    await engine.updateMember(T, "m", 1, '"away"', 3);
    assert.deepEqual(await info(), [{ id: "m", info: '"away"' }]);
    await engine.updateMember(T, "m", 1, '"online"', 5);
    await engine.updateMember(T, "m", 1, '"late"', 4);
    await join(engine, "m", 2, { info: '"joined"' });
    assert.deepEqual(await info(), [{ id: "m", info: '"online"' }]);
    await join(engine, "m", 6, { info: '"again"' });
    assert.deepEqual(await info(), [{ id: "m", info: '"again"' }]);
    await engine.updateMember(T, "m", 2, '"taken over"', 1);
    assert.deepEqual(await info(), [{ id: "m", info: '"taken over"' }]);
  }),

  alone(152, "members are paged in the order of their ids, with their number in all", async (engine) => {
    for (const id of ["d", "a", "e", "c", "b"]) await join(engine, id, 1);
    const page = async (after: string | null, limit: number) => {
      const { members, total } = await engine.members(T, after, limit);
      return { ids: members.map((member) => member.id), total };
    };
    assert.deepEqual(await page(null, 2), { ids: ["a", "b"], total: 5 });
    assert.deepEqual(await page("b", 2), { ids: ["c", "d"], total: 5 });
    await leave(engine, "e", 2);
    await join(engine, "dd", 1);
    assert.deepEqual(await page("d", 2), { ids: ["dd"], total: 5 });
    assert.deepEqual(await page("x", 2), { ids: [], total: 5 });
    assert.deepEqual(await engine.members("room:nobody", null, 5), { members: [], total: 0 });
  }),

  alone(153, "`join` tells the publisher's last number, which outlives the membership", async (engine) => {
    assert.equal((await join(engine, "m", 1)).last, 0);
    for (let n = 1; n <= 3; n++) await engine.append(T, said(`${n}`, { id: "m", fence: 1, n }));
    assert.equal((await join(engine, "m", 1)).last, 3);
    await leave(engine, "m", 2);
    assert.equal((await join(engine, "m", 3)).last, 3);
  }),

  alone(
    154,
    "`last` of a join counts where the topic knows less, never where it knows more",
    async (engine) => {
      assert.equal((await join(engine, "m", 1, { last: 4 })).last, 4);
      const position = await store(engine, T, said("5", { id: "m", fence: 1, n: 5 }));
      assert.equal((await join(engine, "m", 2, { last: 2 })).last, 5);
      assert.deepEqual(await engine.append(T, said("5", { id: "m", fence: 1, n: 5 })), {
        outcome: "stored",
        position,
        repeat: true,
      });
      const known = await engine.append(T, said("3", { id: "m", fence: 1, n: 3 }));
      assert.deepEqual(known, { outcome: "stored", position, repeat: true });
      assert.deepEqual(await engine.append(T, said("7", { id: "m", fence: 1, n: 7 })), {
        outcome: "earlier_missing",
        last: 5,
      });
    },
  ),

  alone(155, "join and leave that overtook each other end as if they had come in order", async (engine) => {
    assert.deepEqual(await leave(engine, "m", 2), { position: null, repeat: false });
    assert.equal((await join(engine, "m", 1)).repeat, true);
    assert.deepEqual(await ids(engine), []);
    assert.equal((await join(engine, "m", 3)).repeat, false);
    assert.deepEqual(await ids(engine), ["m"]);
  }),

  alone(156, "a leave fences out a late join also of one who never was a member", async (engine) => {
    await leave(engine, "m", 1, { fence: 2 });
    await rejects(join(engine, "m", 1), "fenced");
    assert.deepEqual(await ids(engine), []);
  }),

  alone(
    157,
    "fence, act, end and numbers of one who left are remembered for three minutes at least",
    async (engine, { backend }) => {
      await join(engine, "m", 1, { fence: 2 });
      await engine.append(T, said("1", { id: "m", fence: 2, n: 1 }));
      const left = await leave(engine, "m", 2, { fence: 2 });
      await backend.advance(180_000);
      await rejects(join(engine, "m", 9), "fenced");
      assert.equal((await join(engine, "m", 1, { fence: 2 })).repeat, true);
      assert.deepEqual(await leave(engine, "m", 2, { fence: 2 }), { ...left, repeat: true });
      assert.equal((await join(engine, "m", 3, { fence: 2 })).last, 1);
    },
    { needs: { time: 180_000 } },
  ),

  alone(
    158,
    "a membership begins with what its join says, though a later update has overtaken it",
    async (engine) => {
      await join(engine, "m", 1);
      await engine.updateMember(T, "m", 1, '"later"', 9);
      await leave(engine, "m", 2);
      assert.equal((await join(engine, "m", 3, { info: '"again"' })).repeat, false);
      assert.deepEqual((await engine.members(T, null, 9)).members, [{ id: "m", info: '"again"' }]);
      await engine.updateMember(T, "m", 1, '"later"', 9);
      assert.deepEqual((await engine.members(T, null, 9)).members, [{ id: "m", info: '"later"' }]);
      assert.equal((await leave(engine, "m", 10)).repeat, false);
    },
  ),
];
