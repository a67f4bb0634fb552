import assert from "node:assert/strict";
import { mkdirSync, rmSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Redis } from "ioredis";
import { type Player, player } from "../cuts/stage.ts";
import {
  type ChaosProxy,
  closeAll,
  collector,
  createProxy,
  eventually,
  RedisServer,
  type ServerProcess,
  spawnServer,
} from "../support/index.ts";
import type { Driver } from "../wire/support/driver.ts";
import { openFaye } from "../wire/support/faye.ts";
import { ask, post } from "../wire/support/http.ts";
import { connect, handshake, lineOf, type Message, minted, subscribe } from "../wire/support/messages.ts";

const PATIENCE = { timeout: 40_000 };
const RIGHTS = "~actionwire:* &actionwire:* +@read +@write +@connection +@scripting +@pubsub +info +time";
const UNAVAILABLE = /^503:/;

describe("two nodes, and a Redis in trouble", () => {
  let redis: RedisServer;
  let wire: ChaosProxy;
  let operator: Redis;
  let a: ServerProcess;
  let b: ServerProcess;
  before(async () => {
    redis = await RedisServer.start("--appendonly yes", `--user node on >pw ${RIGHTS}`);
    wire = await createProxy(redis.port);
    operator = new Redis(redis.port, "127.0.0.1", { retryStrategy: () => 50 });
    operator.on("error", () => {});
    const env = { REDIS_URL: `redis://node:pw@127.0.0.1:${wire.port}` };
    [a, b] = await Promise.all([spawnServer({ env }), spawnServer({ env })]);
  });
  after(async () => {
    operator.disconnect();
    await closeAll(wire, a, b);
    await redis.stop();
  });

  const probed = async (status: number, ...nodes: ServerProcess[]): Promise<void> => {
    for (const { url } of nodes)
      await eventually(async () => assert.equal((await fetch(`${url}/readyz`)).status, status), PATIENCE);
  };

  /** What needs no store is served, whatever has become of it. */
  async function alive(): Promise<void> {
    for (const { url } of [a, b]) {
      assert.equal((await fetch(`${url}/healthz`)).status, 200);
      const answer = await ask(`${url}/api/add?a=1&b=2`);
      assert.equal(answer.status, 200);
      assert.equal(JSON.parse(answer.body).sum, 3);
    }
  }

  interface Company {
    readonly speaker: Player;
    readonly listener: Player;
    readonly stock: Driver;
    /** What the stock client has heard others say. */
    told(): unknown[];
  }

  /** Two clients of ours and a stock one, who hear each other. */
  async function company(t: TestContext): Promise<Company> {
    const [speaker, listener] = [player({ host: a.url }), player({ host: b.url })];
    t.after(() =>
      closeAll({ close: () => Promise.all([speaker, listener].map((p) => p.client.disconnect())) }),
    );
    await Promise.all([speaker.client.connect(), listener.client.connect()]);
    const stock = await openFaye("websocket")(a.url);
    t.after(() => stock.close());
    const heard = collector<Message>();
    assert.equal(await stock.subscribe(lineOf(stock.connectionId), heard.push), null);
    await heard.find(({ welcome }) => welcome !== undefined);
    await speaker.client.say("0");
    await eventually(() => assert.deepEqual(listener.numbers(), [0]));
    const told = () => heard.all.map(({ message }) => message).filter((text) => /^\d+$/.test(String(text)));
    await eventually(() => assert.deepEqual(told(), ["0"]));
    return { speaker, listener, stock, told };
  }

  const sayOf = ({ stock }: Company, message: string): Promise<string | null> =>
    stock.publish(lineOf(stock.connectionId), { event: "say", message });

  /** While Redis stores nothing, nobody is told that something was stored; afterwards everything goes on. */
  async function refuses(
    t: TestContext,
    begin: () => Promise<unknown>,
    end: () => Promise<unknown>,
  ): Promise<void> {
    const here = await company(t);
    const { speaker, listener, told } = here;
    t.after(end);
    await begin();
    for (let n = 0; n < 3; n++) {
      await assert.rejects(speaker.client.say("7"), { code: "unavailable" });
      assert.match((await sayOf(here, "8")) ?? "acknowledged", UNAVAILABLE);
      await probed(503, a);
      await alive();
    }
    await end();
    await probed(200, a, b);
    for (const n of [1, 2]) await speaker.client.say(String(n));
    assert.equal(await sayOf(here, "3"), null);
    await eventually(() => assert.deepEqual(listener.numbers(), [0, 1, 2, 3]), PATIENCE);
    // What a stock client has may not have been written down when Redis began to refuse: the last second may come again.
    await eventually(() => assert.deepEqual([...new Set(told())], ["0", "1", "2"]), PATIENCE);
    assert.deepEqual([...speaker.gaps(), ...listener.gaps()], []);
  }

  test("its memory is full: not ready, says are refused as not stored, until there is room", (t) =>
    refuses(
      t,
      () => operator.config("SET", "maxmemory", "1mb"),
      () => operator.config("SET", "maxmemory", "0"),
    ));

  test("it may not be published to any more: the same, until it may", (t) =>
    refuses(
      t,
      () => operator.acl("SETUSER", "node", "-spublish"),
      () => operator.acl("SETUSER", "node", "+spublish"),
    ));

  test("it cannot save to its disk: the same, until it can", async (t) => {
    const saved = async (how: "ok" | "err"): Promise<void> => {
      await operator.bgsave();
      const done = new RegExp(`rdb_bgsave_in_progress:0[^]*rdb_last_bgsave_status:${how}`);
      await eventually(async () => assert.match(await operator.info("persistence"), done));
    };
    await operator.config("SET", "save", "3600 1000000");
    // Where its snapshot goes there is a folder.
    const inTheWay = join(redis.dir, "dump.rdb");
    await refuses(
      t,
      async () => {
        mkdirSync(inTheWay);
        await saved("err");
      },
      async () => {
        rmSync(inTheWay, { recursive: true, force: true });
        await saved("ok");
      },
    );
    await operator.config("SET", "save", "");
  });

  test("its scripts are flushed again and again: nobody notices", async (t) => {
    const { speaker, listener, stock } = await company(t);
    for (let n = 1; n <= 5; n++) {
      await operator.script("FLUSH");
      await (n % 2 ? speaker : listener).client.say(String(n));
    }
    await operator.script("FLUSH");
    assert.equal(await stock.publish(lineOf(stock.connectionId), { event: "say", message: "6" }), null);
    await eventually(() => assert.deepEqual(listener.numbers(), [0, 1, 3, 5, 6]));
    await probed(200, a, b);
  });

  test("it is slow: what is said arrives later; too slow: not ready, and what was said arrives once", async (t) => {
    const { speaker, listener } = await company(t);
    wire.delay(200);
    for (const n of [1, 2, 3]) await speaker.client.say(String(n));
    await eventually(() => assert.deepEqual(listener.numbers(), [0, 1, 2, 3]), PATIENCE);
    await probed(200, a, b);
    wire.delay(1_500);
    const saying = speaker.client.say("4");
    await probed(503, a, b);
    await alive();
    wire.delay(0);
    await probed(200, a, b);
    await saying;
    await speaker.client.say("5");
    await eventually(() => assert.deepEqual(listener.numbers(), [0, 1, 2, 3, 4, 5]), PATIENCE);
    assert.deepEqual(listener.gaps(), []);
  });

  test("it is away: whoever polls or shakes hands is told to come back in 1 to 5 s, never that he is unknown", async (t) => {
    const carry = async (node: ServerProcess, ...unit: Message[]): Promise<Message[]> =>
      JSON.parse((await post(`${node.url}/faye`, JSON.stringify(unit))).body) as Message[];
    const ours = player({ host: a.url });
    t.after(() => ours.client.disconnect());
    await ours.client.connect();
    const { clientId, connectionId } = minted((await carry(a, handshake()))[0]!);
    assert.equal((await carry(a, subscribe(clientId, lineOf(connectionId))))[0]?.successful, true);
    const poll = async (node: ServerProcess): Promise<Message> =>
      (await carry(node, connect(clientId, { advice: { timeout: 0 } }))).at(-1)!;
    const comesBack = ({ advice, error }: Message, how: string): void => {
      const { reconnect, interval } = advice as { reconnect: string; interval: number };
      assert.match(String(error), UNAVAILABLE);
      assert.equal(reconnect, how);
      assert.ok(interval >= 1_000 && interval <= 5_000, `interval ${interval}`);
    };
    await redis.kill();
    await probed(503, a, b);
    await assert.rejects(ours.client.say("0"), { code: "unavailable" });
    // For longer than the leases last.
    for (let second = 0; second < 12; second++) {
      for (const node of [a, b]) {
        comesBack((await carry(node, handshake()))[0]!, "handshake");
        const polled = await poll(node);
        // Whoever is served there has nothing to ask Redis for.
        if (node === b || polled.successful !== true) comesBack(polled, "retry");
      }
      await alive();
      await sleep(1_000);
    }
    await redis.restart();
    await probed(200, a, b);
    await eventually(async () => {
      const answer = await poll(b);
      if (answer.successful !== true) comesBack(answer, "retry");
      return answer.successful === true;
    }, PATIENCE);
    assert.equal((await carry(a, handshake()))[0]!.successful, true);
    await ours.client.say("1");
  });
});
