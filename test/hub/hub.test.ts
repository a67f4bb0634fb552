import assert from "node:assert/strict";
import { beforeEach, describe, test } from "node:test";
import { type Engine, type EngineSink, type Position, roomTopic } from "../../src/engine/contract.ts";
import { MemoryStore, memoryEngine } from "../../src/engine/index.ts";
import type { Cursor, Found } from "../../src/hub/cursor.ts";
import { Hub } from "../../src/hub/hub.ts";
import { FakeClock, seededRandom } from "../../src/testing/fake-clock.ts";

const TOPIC = roomTopic("r");
const quiet = { debug() {}, info() {}, warn() {}, error() {} };

/** A hub over a store that the test writes to, with a fast path that the test can cut. */
class World {
  readonly clock = new FakeClock();
  readonly store: MemoryStore;
  readonly engine: Engine;
  readonly writer: Engine;
  readonly hub: Hub;
  fastPath = true;

  constructor(maxMessages = 100, maxBytes = 100_000) {
    const { clock } = this;
    this.store = new MemoryStore({ clock, random: seededRandom(1), bounds: { maxMessages, maxBytes } });
    this.engine = memoryEngine(this.store);
    this.writer = memoryEngine(this.store);
    this.hub = new Hub(this.engine, clock, quiet, { maxMessages, maxBytes });
  }

  async start(): Promise<void> {
    const sink: EngineSink = {
      entries: (topic, epoch, entries) => {
        if (this.fastPath) this.hub.entries(topic, epoch, entries);
      },
      claimed() {},
      message() {},
      doubt: () => this.hub.doubt(),
    };
    await this.engine.start("node", sink);
    await this.writer.start("writer", { entries() {}, claimed() {}, message() {}, doubt() {} });
  }

  async say(...texts: string[]): Promise<void> {
    for (const text of texts) {
      await this.writer.append(TOPIC, { payload: JSON.stringify(text), from: null, kind: "message" });
    }
    await this.clock.advance(1);
  }

  async announce(count: number): Promise<void> {
    for (let n = 0; n < count; n += 1) {
      await this.writer.append(TOPIC, { payload: '"hello"', from: null, kind: "announcement" });
    }
    await this.clock.advance(1);
  }
}

/** Reads a cursor to its end whenever it is woken. */
class Listener {
  readonly heard: (string | { gap: number | null })[] = [];
  cursor!: Cursor;
  readonly #hub: Hub;

  constructor(hub: Hub) {
    this.#hub = hub;
  }

  wake(cursor: Cursor): void {
    for (;;) {
      const found: Found | null = cursor.next();
      if (found === null) break;
      this.heard.push(
        found.kind === "gap" ? { gap: found.missed } : (JSON.parse(found.entry.payload) as string),
      );
    }
    if (cursor.behind) this.#hub.fetch(cursor);
  }

  open(start: Position, position: Position = start): this {
    this.cursor = this.#hub.open(TOPIC, this, start, position);
    this.wake(this.cursor);
    return this;
  }
}

describe("hub", () => {
  let world: World;
  beforeEach(async () => {
    world = new World();
    await world.start();
  });

  const listen = async (start?: Position, position?: Position): Promise<Listener> => {
    const listener = new Listener(world.hub);
    listener.open(start ?? (await world.engine.position(TOPIC)), position);
    await world.clock.advance(1);
    return listener;
  };

  test("whoever joins hears what comes after, in order, and nothing from before", async () => {
    await world.say("before");
    const listener = await listen();
    await world.say("a", "b");
    await world.say("c");
    assert.deepEqual(listener.heard, ["a", "b", "c"]);
  });

  test("a lost push is read from the engine when the next one shows the hole", async () => {
    const listener = await listen();
    await world.say("a");
    world.fastPath = false;
    await world.say("b", "c");
    world.fastPath = true;
    await world.say("d");
    assert.deepEqual(listener.heard, ["a", "b", "c", "d"]);
  });

  test("doubt makes the hub read again what nobody pushed", async () => {
    const listener = await listen();
    world.fastPath = false;
    await world.say("a");
    assert.deepEqual(listener.heard, []);
    world.hub.doubt();
    await world.clock.advance(1);
    assert.deepEqual(listener.heard, ["a"]);
  });

  test("a client that comes back is given what it lacks, from where it was", async () => {
    const start = await world.engine.position(TOPIC);
    await world.say("a", "b");
    const position = await world.engine.position(TOPIC);
    await world.say("c", "d");
    assert.deepEqual((await listen(start, position)).heard, ["c", "d"]);
  });

  test("a position from before the join counts as the join", async () => {
    const early = await world.engine.position(TOPIC);
    await world.say("a");
    const start = await world.engine.position(TOPIC);
    await world.say("b");
    assert.deepEqual((await listen(start, early)).heard, ["b"]);
  });

  test("beyond the log's end one gap says how many messages are missing, announcements left out", async () => {
    world = new World(4);
    await world.start();
    const start = await world.engine.position(TOPIC);
    await world.say("1", "2", "3");
    await world.announce(2);
    await world.say("4", "5", "6", "7");
    const heard = (await listen(start)).heard.filter((one) => one !== "hello");
    assert.deepEqual(heard, [{ gap: 3 }, "4", "5", "6", "7"]);
  });

  for (const [what, bounds, kept] of [
    ["messages", [4], 4],
    ["bytes", [100, 12], 4],
    ["bytes, of which the newest has more than all may have", [100, 2], 1],
  ] as const) {
    test(`who is away hears what the log has, and of the rest one gap, also where others read (${what})`, async () => {
      world = new World(...bounds);
      await world.start();
      const start = await world.engine.position(TOPIC);
      const keeping = await listen(start);
      const away = await listen(start);
      const { wake } = away;
      away.wake = () => {};
      const all = Array.from({ length: 600 }, (_, index) => String(index % 10));
      for (const text of all) await world.say(text);
      await world.announce(2);
      away.wake = wake;
      away.wake(away.cursor);
      await world.clock.advance(1);
      const told = (listener: Listener) => listener.heard.filter((one) => one !== "hello");
      assert.deepEqual(told(away), [{ gap: 600 - kept }, ...all.slice(-kept)]);
      assert.deepEqual(told(keeping), all);
      const late = await listen(start);
      assert.deepEqual(told(late), told(away));
    });
  }

  test("who keeps up hears all of a burst, however large", async () => {
    world = new World(4);
    await world.start();
    const listener = await listen();
    const all = Array.from({ length: 3000 }, (_, index) => String(index));
    // Read at the end of the turn, as sessions are.
    const { wake } = listener;
    listener.wake = (cursor) => world.clock.defer(() => wake.call(listener, cursor));
    // Some of it comes between their reading and the end of the turn.
    const say = async () => {
      for (const text of all) {
        await world.writer.append(TOPIC, { payload: JSON.stringify(text), from: null, kind: "message" });
      }
    };
    void say();
    await world.clock.advance(1);
    assert.deepEqual(listener.heard, all);
  });

  test("forgotten announcements alone are no gap", async () => {
    world = new World(4);
    await world.start();
    const start = await world.engine.position(TOPIC);
    await world.announce(5);
    const listener = await listen(start);
    await world.say("a");
    assert.deepEqual(
      listener.heard.filter((one) => one !== "hello"),
      ["a"],
    );
  });

  test("a log that was lost is a gap of unknown size, and what follows is heard", async () => {
    const listener = await listen();
    await world.say("a");
    world.store.clear();
    await world.say("b");
    await world.clock.advance(1000);
    await world.say("c");
    assert.deepEqual(listener.heard, ["a", { gap: null }, "b", "c"]);
  });

  test("after leaving, everything up to the leave is heard and nothing behind it", async () => {
    const listener = await listen();
    world.fastPath = false;
    await world.say("a", "b");
    listener.cursor.until = await world.engine.position(TOPIC);
    await world.say("c");
    assert.equal(listener.cursor.finished, false);
    listener.wake(listener.cursor);
    await world.clock.advance(1);
    assert.deepEqual(listener.heard, ["a", "b"]);
    assert.equal(listener.cursor.finished, true);
  });

  test("many more than fit into one reading arrive whole", async () => {
    world = new World(2000);
    await world.start();
    const start = await world.engine.position(TOPIC);
    const all = Array.from({ length: 1500 }, (_, index) => String(index));
    await world.say(...all);
    const listener = await listen(start);
    await world.clock.advance(100);
    assert.deepEqual(listener.heard, all);
  });

  test("a topic nobody reads any more is forgotten after a while", async () => {
    const listener = await listen();
    world.hub.close(listener.cursor);
    assert.equal(world.hub.topics, 1);
    await world.clock.advance(31_000);
    world.hub.sweep();
    assert.equal(world.hub.topics, 0);
  });

  test("an engine that is away is asked again until it is back", async () => {
    const listener = await listen();
    await world.say("a");
    world.fastPath = false;
    await world.say("b");
    world.store.fail();
    world.hub.doubt();
    await world.clock.advance(2000);
    assert.deepEqual(listener.heard, ["a"]);
    world.store.recover();
    await world.clock.advance(2000);
    assert.deepEqual(listener.heard, ["a", "b"]);
  });

  test("what was said and forgotten before anybody read it does not hold a reader up that had it elsewhere", async () => {
    const start = await world.engine.position(TOPIC);
    const behind = await listen(start);
    world.fastPath = false;
    await world.say("lost");
    const head = await world.engine.position(TOPIC);
    await world.clock.advance(2 * 24 * 60 * 60_000);
    const ahead = await listen(start, head);
    await world.clock.advance(1_000);
    world.fastPath = true;
    await world.say("new");
    assert.deepEqual(ahead.heard.at(-1), "new");
    assert.deepEqual(behind.heard.at(-1), "new");
  });

  test("who missed a push is woken when another one's reading finds it", async () => {
    const start = await world.engine.position(TOPIC);
    const behind = await listen(start);
    world.fastPath = false;
    await world.say("a", "b");
    await listen(start, { ...start, offset: 1, count: 1 });
    assert.deepEqual(behind.heard, ["a", "b"]);
  });

  test("a reader that comes in ahead of the topic makes nobody read again", async () => {
    const listeners = [await listen(), await listen(), await listen()];
    world.fastPath = false;
    await world.say("a");
    let readings = 0;
    const { read } = world.engine;
    world.engine.read = (...asked) => {
      readings += 1;
      return read.apply(world.engine, asked);
    };
    await listen();
    for (const { heard } of listeners) assert.deepEqual(heard, ["a"]);
    assert.equal(readings, 2);
  });
});
