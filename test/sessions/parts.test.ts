import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { EngineFailure } from "../../src/engine/contract.ts";
import { MemoryStore, memoryEngine } from "../../src/engine/index.ts";
import { insist } from "../../src/engine/insist.ts";
import { Allowance } from "../../src/sessions/allowance.ts";
import { isUuid4, newCredential, newUuid, parseCredential } from "../../src/sessions/ids.ts";
import { Lease } from "../../src/sessions/lease.ts";
import { Mailbox } from "../../src/sessions/mailbox.ts";
import { NoAnswer, Peers } from "../../src/sessions/peers.ts";
import { formatRecord, newRecord, parseRecord } from "../../src/sessions/record.ts";
import { FakeClock, seededRandom } from "../../src/testing/fake-clock.ts";

const quiet = { debug() {}, info() {}, warn() {}, error() {} };

describe("credentials", () => {
  const random = seededRandom(7);

  test("say which record they are about, and keep their secret out of it", () => {
    const id = newUuid(random);
    assert.ok(isUuid4(id));
    const text = newCredential(id, random);
    assert.match(text, /^[0-9a-f]{72}$/);
    const parsed = parseCredential(text);
    assert.equal(parsed?.connection, id);
    assert.ok(!text.includes(parsed?.digest ?? text));
    assert.notEqual(parseCredential(newCredential(id, random))?.digest, parsed?.digest);
  });

  for (const text of [
    "",
    "x",
    "a".repeat(72),
    "0".repeat(71),
    undefined,
    null,
    7,
    ["a"],
    { toString: () => "x" },
    "__proto__",
  ]) {
    test(`${JSON.stringify(text)} is none`, () => assert.equal(parseCredential(text), null));
  }
});

describe("mailbox", () => {
  test("runs one task at a time, in order, also those put in meanwhile; a failure fails alone", async () => {
    let idle = 0;
    const mailbox = new Mailbox(() => {
      idle += 1;
    });
    const log: string[] = [];
    const task = (name: string, inner?: () => unknown) => async () => {
      log.push(`${name} begins`);
      inner?.();
      await Promise.resolve();
      await Promise.resolve();
      log.push(`${name} ends`);
    };
    const failing = mailbox.run(() => Promise.reject(new Error("alone")));
    const late: Promise<void>[] = [];
    const first = mailbox.run(task("a", () => late.push(mailbox.run(task("c")))));
    const second = mailbox.run(task("b"));
    await assert.rejects(failing, /alone/);
    await Promise.all([first, second]);
    await late[0];
    assert.deepEqual(log, ["a begins", "a ends", "b begins", "b ends", "c begins", "c ends"]);
    await Promise.resolve();
    assert.equal(idle, 1);
    await mailbox.run(task("d"));
    await Promise.resolve();
    assert.equal(idle, 2);
  });
});

describe("peers", () => {
  test("whoever waits for another node's answer when this one stops is told that there is none", async () => {
    const clock = new FakeClock();
    const engine = memoryEngine(new MemoryStore({ clock, random: seededRandom(1) }));
    const peers = new Peers(engine, clock, quiet);
    await engine.start("one", { entries() {}, claimed() {}, message() {}, doubt() {} });
    const asked = peers.ask("another", { op: "execute" }, 3_000);
    peers.stop();
    await assert.rejects(asked, NoAnswer);
    await engine.stop();
  });
});

describe("allowance", () => {
  test("a burst, then as many as the rate brings back, never more than the burst", async () => {
    const clock = new FakeClock();
    const allowance = new Allowance({ perSecond: 10, burst: 3 }, clock);
    const taken = (): number => {
      let count = 0;
      while (count < 100 && allowance.take()) count += 1;
      return count;
    };
    assert.equal(taken(), 3);
    await clock.advance(200);
    assert.equal(taken(), 2);
    await clock.advance(60_000);
    assert.equal(taken(), 3);
  });

  test("without a limit nothing is refused", () => {
    const allowance = new Allowance({ perSecond: Number.POSITIVE_INFINITY, burst: 1 }, new FakeClock());
    for (let n = 0; n < 1000; n += 1) assert.ok(allowance.take());
  });
});

describe("lease", () => {
  const start = async () => {
    const clock = new FakeClock();
    const store = new MemoryStore({ clock, random: seededRandom(1) });
    const engine = memoryEngine(store);
    await engine.start("n", { entries() {}, claimed() {}, message() {}, doubt() {} });
    const seen: string[] = [];
    const lease = new Lease(engine, clock, quiet, 10_000, {
      lapsed: () => seen.push("lapsed"),
      regained: async () => void seen.push("regained"),
    });
    await lease.start();
    return { clock, store, lease, seen };
  };

  test("is renewed in time for ever", async () => {
    const { clock, lease, seen } = await start();
    await clock.advance(100_000);
    assert.equal(lease.valid, true);
    assert.ok(lease.heldFor >= 100_000);
    assert.deepEqual(seen, []);
  });

  test("lapses when the engine is away for longer, and is proven again when it is back", async () => {
    const { clock, store, lease, seen } = await start();
    store.fail();
    await clock.advance(12_000);
    assert.equal(lease.valid, false);
    store.recover();
    await clock.advance(5_000);
    assert.equal(lease.valid, true);
    assert.deepEqual(seen, ["lapsed", "regained"]);
    assert.ok(lease.heldFor < 6_000);
  });

  test("a process that stood still does not believe in it", async () => {
    const { clock, lease, seen } = await start();
    await clock.freeze(9_000);
    assert.equal(lease.valid, false);
    assert.deepEqual(seen, ["lapsed"]);
  });

  test("a machine that was suspended shows in the wall clock alone", async () => {
    const { clock, lease } = await start();
    clock.jump(60_000);
    assert.equal(lease.valid, false);
  });
});

describe("insist", () => {
  const failing = (failures: readonly EngineFailure[]) => {
    const left = [...failures];
    let calls = 0;
    return {
      calls: () => calls,
      operation: async () => {
        calls += 1;
        const failure = left.shift();
        if (failure) throw failure;
        return "done";
      },
    };
  };
  const unknown = new EngineFailure("unknown", "?");

  test("repeats while the outcome is unknown", async () => {
    const clock = new FakeClock();
    const { operation, calls } = failing([unknown, unknown]);
    const done = insist(clock, operation);
    await clock.advance(5000);
    assert.equal(await done, "done");
    assert.equal(calls(), 3);
  });

  test("gives up after a few, with what is still unknown", async () => {
    const clock = new FakeClock();
    const { operation } = failing(Array.from({ length: 9 }, () => unknown));
    const done = assert.rejects(insist(clock, operation), unknown);
    await clock.advance(60_000);
    await done;
  });

  for (const outcome of ["unavailable", "fenced"] as const) {
    test(`does not repeat what is ${outcome}`, async () => {
      const { operation, calls } = failing([new EngineFailure(outcome, "no")]);
      await assert.rejects(insist(new FakeClock(), operation), { outcome });
      assert.equal(calls(), 1);
    });
  }
});

describe("record", () => {
  const record = newRecord({
    who: {
      identity: { id: 7 },
      browser: null,
      remoteIP: "::1",
      remotePort: 1,
      connectedAt: 2,
      ours: true,
      cometd: false,
    },
    session: { current: "a", superseded: ["b"] },
    resume: { current: "c", previous: null },
  });

  test("comes back as it was written", () => assert.deepEqual(parseRecord(formatRecord(record)), record));

  test("what this version cannot read is no record", () => {
    assert.equal(parseRecord({}), null);
    assert.equal(parseRecord({ ...formatRecord(record), who: "{" }), null);
  });

  test("fields that an older version did not write have their defaults", () => {
    const { journal: _journal, ended: _ended, ...older } = formatRecord(record);
    assert.deepEqual(parseRecord(older), record);
  });

  test("new records share nothing", () => {
    record.rooms.listening.x = "1";
    const { who, session, resume } = record;
    assert.deepEqual(newRecord({ who, session, resume }).rooms.listening, {});
  });
});
