import assert from "node:assert/strict";
import { formatPosition, parsePosition } from "../contract.ts";
import { all, alone, announced, payloads, type Rule, said, store } from "./harness.ts";

const T = "room:logs";

/** Appending, reading, and what the bounds take away. */
export const logRules: readonly Rule[] = [
  alone(
    101,
    "a new topic begins at offset 0 and count 0, under an epoch that a position can carry",
    async (engine) => {
      const position = await engine.position(T);
      assert.deepEqual({ offset: position.offset, count: position.count }, { offset: 0, count: 0 });
      assert.deepEqual(parsePosition(formatPosition(position)), position);
      assert.deepEqual(await engine.position(T), position);
      assert.notEqual((await engine.position("room:other")).epoch, position.epoch);
    },
  ),

  alone(
    102,
    "offsets are contiguous over messages and announcements; counts leave announcements out",
    async (engine) => {
      const { epoch } = await engine.position(T);
      assert.deepEqual(await store(engine, T, said("1")), { epoch, offset: 1, count: 1 });
      assert.deepEqual(await store(engine, T, announced("2")), { epoch, offset: 2, count: 1 });
      assert.deepEqual(await store(engine, T, said("3")), { epoch, offset: 3, count: 2 });
      assert.deepEqual(await engine.position(T), { epoch, offset: 3, count: 2 });
    },
  ),

  alone(
    103,
    "a reading has every entry after the position, in the order of their offsets, as it was appended",
    async (engine) => {
      const start = await engine.position(T);
      await engine.append(T, { kind: "message", from: "x", payload: '{"a":1}' });
      await engine.append(T, { kind: "announcement", from: "y", payload: '"b"' });
      await engine.append(T, { kind: "message", from: null, payload: "null" });
      const reading = await engine.read(T, start, 10);
      assert.deepEqual(reading, {
        epoch: start.epoch,
        head: { epoch: start.epoch, offset: 3, count: 2 },
        from: start,
        missed: 0,
        entries: [
          { offset: 1, count: 1, kind: "message", from: "x", payload: '{"a":1}' },
          { offset: 2, count: 1, kind: "announcement", from: "y", payload: '"b"' },
          { offset: 3, count: 2, kind: "message", from: null, payload: "null" },
        ],
      });
    },
  ),

  alone(
    104,
    "a reading has at most `limit` entries; reading on from the last of them yields the rest",
    async (engine) => {
      let after = await engine.position(T);
      for (let i = 0; i < 7; i++) await store(engine, T, i % 3 === 2 ? announced(`${i}`) : said(`${i}`));
      const pages: string[][] = [];
      for (;;) {
        const { entries, epoch, missed, from } = await engine.read(T, after, 3);
        assert.deepEqual({ missed, from }, { missed: 0, from: after });
        const last = entries.at(-1);
        if (!last) break;
        pages.push(payloads(entries));
        after = { epoch, offset: last.offset, count: last.count };
      }
      assert.deepEqual(pages, [["0", "1", "2"], ["3", "4", "5"], ["6"]]);
    },
  ),

  alone(105, "a reading at the head is empty and misses nothing", async (engine) => {
    const head = await store(engine, T, said("1"));
    assert.deepEqual(await engine.read(T, head, 5), {
      epoch: head.epoch,
      head,
      entries: [],
      from: head,
      missed: 0,
    });
    assert.deepEqual((await engine.read(T, { ...head, offset: 0, count: 0 }, 0)).entries, []);
  }),

  alone(
    106,
    "beyond `maxMessages` the oldest messages go, and a reading from before tells exactly how many are missing",
    async (engine) => {
      const { epoch } = await engine.position(T);
      for (let i = 1; i <= 8; i++) await store(engine, T, said(`${i}`));
      const reading = await engine.read(T, { epoch, offset: 1, count: 1 }, 10);
      assert.deepEqual(payloads(reading.entries), ["4", "5", "6", "7", "8"]);
      assert.deepEqual(reading.from, { epoch, offset: 3, count: 3 });
      assert.equal(reading.missed, 2);
      const whole = await engine.read(T, { epoch, offset: 3, count: 3 }, 10);
      assert.equal(whole.missed, 0);
      assert.deepEqual(payloads(whole.entries), ["4", "5", "6", "7", "8"]);
    },
    { bounds: { maxMessages: 5 } },
  ),

  alone(
    107,
    "beyond `maxBytes` (UTF-8) the oldest messages go; the newest stays whatever its size",
    async (engine) => {
      const { epoch } = await engine.position(T);
      const start = { epoch, offset: 0, count: 0 };
      await store(engine, T, said("éé")); // 4 bytes
      await store(engine, T, said("bbbbbb"));
      assert.deepEqual(await all(engine, T, start), ["éé", "bbbbbb"]);
      await store(engine, T, said("c"));
      assert.deepEqual(await all(engine, T, start), ["bbbbbb", "c"]);
      const huge = "h".repeat(50);
      await store(engine, T, said(huge));
      const reading = await engine.read(T, start, 10);
      assert.deepEqual(
        { entries: payloads(reading.entries), missed: reading.missed },
        { entries: [huge], missed: 3 },
      );
    },
    { bounds: { maxBytes: 10 } },
  ),

  alone(
    108,
    "an entry is gone once it is `maxAge` old; the offsets go on",
    async (engine, { backend }) => {
      const start = await engine.position(T);
      await store(engine, T, said("1"));
      await backend.advance(1_000);
      await store(engine, T, said("2"));
      await backend.advance(1_000);
      const reading = await engine.read(T, start, 10);
      assert.deepEqual(
        { entries: payloads(reading.entries), missed: reading.missed },
        { entries: ["2"], missed: 1 },
      );
      await backend.advance(1_000);
      const later = await engine.read(T, start, 10);
      assert.deepEqual({ entries: later.entries, missed: later.missed }, { entries: [], missed: 2 });
      assert.deepEqual(later.from, { ...start, offset: 2, count: 2 });
      assert.deepEqual(await store(engine, T, said("3")), { ...start, offset: 3, count: 3 });
    },
    { bounds: { maxAge: 1_800 }, needs: { time: 3_000 } },
  ),

  alone(
    109,
    "announcements are bounded apart (a quarter, rounded up): neither kind pushes the other out",
    async (engine) => {
      const start = await engine.position(T);
      for (let i = 1; i <= 5; i++) await store(engine, T, said(`m${i}`));
      for (let i = 1; i <= 9; i++) await store(engine, T, announced(`a${i}`));
      assert.deepEqual(await all(engine, T, start), ["m1", "m2", "m3", "m4", "m5", "a8", "a9"]);
      await store(engine, T, said("m6"));
      assert.deepEqual(await all(engine, T, { ...start, offset: 1, count: 1 }), [
        "m2",
        "m3",
        "m4",
        "m5",
        "a8",
        "a9",
        "m6",
      ]);
    },
    { bounds: { maxMessages: 5 } },
  ),

  alone(
    110,
    "forgotten announcements are nobody's loss: nothing is missed and reading begins where it was asked to",
    async (engine) => {
      const start = await engine.position(T);
      for (let i = 1; i <= 6; i++) await store(engine, T, announced(`a${i}`));
      await store(engine, T, said("m"));
      const reading = await engine.read(T, start, 10);
      assert.deepEqual({ from: reading.from, missed: reading.missed }, { from: start, missed: 0 });
      assert.deepEqual(payloads(reading.entries), ["a6", "m"]);
    },
    { bounds: { maxMessages: 4 } },
  ),

  alone(
    111,
    "`missed` counts messages only, and nothing from before `from` is read",
    async (engine) => {
      const start = await engine.position(T);
      await store(engine, T, said("m1"));
      await store(engine, T, announced("a2"));
      for (let i = 3; i <= 8; i++) await store(engine, T, said(`m${i}`));
      const reading = await engine.read(T, start, 10);
      assert.equal(reading.missed, 3);
      assert.deepEqual(reading.from, { ...start, offset: 4, count: 3 });
      assert.deepEqual(payloads(reading.entries), ["m5", "m6", "m7", "m8"]);
    },
    { bounds: { maxMessages: 4 } },
  ),

  alone(
    112,
    "a position of another epoch misses an unknown number and reads from before the oldest entry",
    async (engine) => {
      const start = await engine.position(T);
      for (let i = 1; i <= 5; i++) await store(engine, T, said(`${i}`));
      const reading = await engine.read(T, { epoch: "elsewhere", offset: 4, count: 4 }, 10);
      assert.equal(reading.missed, null);
      assert.deepEqual(reading.from, { ...start, offset: 2, count: 2 });
      assert.deepEqual(payloads(reading.entries), ["3", "4", "5"]);
    },
    { bounds: { maxMessages: 3 } },
  ),

  alone(
    113,
    "a position beyond the head misses an unknown number and reads from the head",
    async (engine) => {
      const head = await store(engine, T, said("1"));
      const reading = await engine.read(T, { ...head, offset: 2, count: 1 }, 10);
      assert.deepEqual(reading, { epoch: head.epoch, head, entries: [], from: head, missed: null });
    },
  ),

  alone(
    114,
    "a count that cannot be makes what is missed unknown",
    async (engine) => {
      const start = await engine.position(T);
      for (let i = 1; i <= 6; i++) await store(engine, T, said(`${i}`));
      assert.equal((await engine.read(T, { ...start, offset: 1, count: 1 }, 9)).missed, 3);
      assert.equal((await engine.read(T, { ...start, offset: 1, count: 4 }, 9)).missed, null);
      assert.equal((await engine.read(T, { ...start, offset: 1, count: 0 }, 9)).missed, null);
    },
    { bounds: { maxMessages: 2 } },
  ),

  alone(115, "topic names and payloads are anybody's: nothing in them has a meaning", async (engine) => {
    const names = [
      "room:__proto__",
      "room:{x}",
      "room:}{",
      "room:a b\n\u0000",
      "room:ü😀",
      "room:",
      "room::x",
    ];
    for (const name of names) {
      const start = await engine.position(name);
      assert.equal(start.offset, 0, name);
      const payload = JSON.stringify({ name, __proto: "x", text: "\u2028 😀 \\u0000" });
      await store(engine, name, said(payload));
      assert.deepEqual(await all(engine, name, start), [payload]);
    }
  }),

  alone(
    116,
    "epoch and offsets outlive the entries by a day at least",
    async (engine, { backend }) => {
      const head = await store(engine, T, said("1"));
      await backend.advance(24 * 60 * 60_000);
      assert.deepEqual(await engine.position(T), head);
      assert.equal((await engine.read(T, { ...head, offset: 0, count: 0 }, 9)).missed, 1);
    },
    { needs: { time: 24 * 60 * 60_000 } },
  ),
];
