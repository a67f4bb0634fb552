import assert from "node:assert/strict";
import { mkdirSync, rmdirSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { ReplyError } from "ioredis";
import { systemClock, systemRandom } from "../../src/clock.ts";
import { type Append, type Appended, EngineFailure } from "../../src/engine/index.ts";
import { HEARTBEAT } from "../../src/engine/redis/commands.ts";
import { failureOf, isRefusal } from "../../src/engine/redis/failures.ts";
import { connectionOptions, type RedisEngineOptions } from "../../src/engine/redis/options.ts";
import { range } from "../cuts/stage.ts";
import { selfSigned } from "../support/certificate.ts";
import { createProxy, eventually, freePort, RedisServer } from "../support/index.ts";
import { QUIET } from "./redis-harness.ts";
import { nodeOn, outcomeOf, rawOn, startedOn, type TestNode } from "./redis-node.ts";

const T = "room:t";
const said = (n: number): Append => ({
  kind: "message",
  from: "p",
  payload: `"${n}"`,
  publisher: { id: "p", fence: 1, n },
});
const keyed = (key: string): Append => ({
  kind: "message",
  from: "p",
  payload: "1",
  publisher: { id: "p", fence: 1, key },
});

/** Whatever a test opened, closed after it, the last one first. */
const open: (() => Promise<unknown> | unknown)[] = [];
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close();
});

async function server(...settings: string[]): Promise<RedisServer> {
  const started = await RedisServer.start(...settings);
  open.push(() => started.stop());
  return started;
}

async function started(port: number, options: Parameters<typeof startedOn>[1] = {}): Promise<TestNode> {
  const node = await startedOn(port, options);
  open.push(() => node.engine.stop());
  return node;
}

function raw(port: number, password?: string): ReturnType<typeof rawOn> {
  const client = rawOn(port, password);
  open.push(() => client.disconnect());
  return client;
}

/** Waits until a replica has what its master has. */
const linked = (replica: ReturnType<typeof rawOn>): Promise<unknown> =>
  eventually(async () => assert.match(await replica.info("replication"), /master_link_status:up/));

const isReady = async ({ engine }: TestNode): Promise<void> => assert.equal(await engine.ready(), true);

describe("a Redis that forgets", () => {
  test("flushed scripts are not noticed", async () => {
    const { port } = await server();
    const { engine } = await started(port);
    for (let n = 1; n <= 3; n++) {
      assert.equal((await engine.append(T, said(n))).outcome, "stored");
      await raw(port).script("FLUSH");
    }
    const position = await engine.position(T);
    assert.equal(position.offset, 3);
  });

  test("flushed data is noticed with the next renewal of the lease", async () => {
    const { port } = await server();
    const node = await started(port);
    await node.engine.renewLease(10_000);
    const { epoch } = await node.engine.position(T);
    await node.engine.renewLease(10_000);
    assert.equal(node.doubts, 0);
    await raw(port).flushall();
    assert.notEqual((await node.engine.position(T)).epoch, epoch);
    await node.engine.renewLease(10_000);
    await eventually(() => assert.equal(node.doubts, 1));
    await node.engine.renewLease(10_000);
    assert.equal(node.doubts, 1);
  });

  test("a restart with an older snapshot begins new epochs, and nothing of the lost entries' offsets is used again", async () => {
    const redis = await server("--dbfilename dump.rdb");
    const node = await started(redis.port);
    const { engine } = node;
    await engine.join(T, { id: "p", fence: 1, act: 1, info: '"p"' });
    await engine.append(T, said(1));
    await engine.createConnection("p", { a: "1" });
    await raw(redis.port).save();
    await engine.append(T, said(2));
    const before = await engine.position(T);
    await engine.leave(T, { id: "p", fence: 1, act: 2 });
    await engine.removeConnection("p", 1);

    await redis.restart();
    await eventually(() => assert.equal(node.doubts, 1));
    const reading = await engine.read(T, before, 9);
    assert.notEqual(reading.epoch, before.epoch);
    assert.deepEqual(
      { entries: reading.entries, missed: reading.missed, offset: reading.from.offset },
      { entries: [], missed: null, offset: 0 },
    );
    // Records as at the moment of the snapshot, and nobody in a room before he has come again.
    assert.equal((await engine.members(T, null, 9)).total, 0);
    assert.deepEqual(await engine.ownedConnections("a", null, 9), ["p"]);
    assert.deepEqual(await engine.append(T, said(3)), { outcome: "earlier_missing", last: 1 });
    const again = await engine.join(T, { id: "p", fence: 1, act: 3, info: '"p"', last: 2 });
    assert.equal(again.last, 2);
    assert.equal((await engine.append(T, said(3))).outcome, "stored");
  });

  test("a restart that lost nothing begins new epochs all the same, members come again, and numbers and records go on", async () => {
    const redis = await server("--appendonly yes", "--appendfsync always");
    const node = await started(redis.port);
    const { engine } = node;
    await engine.join(T, { id: "p", fence: 1, act: 1, info: '"p"' });
    const stored = await engine.append(T, said(1));
    await engine.createConnection("p", { a: "1" });
    await redis.restart();
    await eventually(() => assert.equal(node.doubts, 1));
    const again = await engine.append(T, said(1));
    assert.ok(stored.outcome === "stored" && again.outcome === "stored");
    assert.equal(again.repeat, true);
    assert.notEqual(again.position.epoch, stored.position.epoch);
    assert.equal((await engine.append(T, said(2))).outcome, "stored");
    assert.deepEqual(await engine.readConnection("p"), { fence: 1, owner: "a", fields: { a: "1" } });
    assert.equal((await engine.members(T, null, 9)).total, 0);
  });
});

test("what was answered as stored is there after a kill in the middle of it all, where each write goes to the disk first", async () => {
  const redis = await server("--appendonly yes", "--appendfsync always");
  const node = await started(redis.port);
  for (let round = 0, n = 1; round < 3; round++) {
    const stored: number[] = [];
    const kill = sleep(150).then(() => redis.kill());
    // Several at once, so that some are under way whenever it ends.
    for (let failed = false; !failed; n += 8) {
      const batch = range(n, n + 8);
      const outcomes = await Promise.all(
        batch.map((each) => node.engine.append(T, said(each)).catch((failure: unknown) => failure)),
      );
      for (const [i, outcome] of outcomes.entries()) {
        if (outcome instanceof EngineFailure) failed = true;
        else if ((outcome as Appended).outcome === "stored") stored.push(batch[i]!);
      }
    }
    await kill;
    assert.ok(stored.length > 0);
    await redis.restart();
    await eventually(() => isReady(node), { timeout: 15_000 });
    for (const each of stored) {
      const again = await node.engine.append(T, said(each));
      assert.ok(again.outcome === "stored" && again.repeat, `${each} of ${stored.length}`);
    }
    // What got no answer is stored now, or was.
    for (const each of range(stored.at(-1)! + 1, n))
      assert.equal((await node.engine.append(T, said(each))).outcome, "stored");
  }
});

describe("a Redis that is not there", () => {
  test("starts without, is unavailable, and goes on when it comes", async () => {
    const port = await freePort();
    const node = await started(port, { startTimeout: 200 });
    assert.equal(await node.engine.ready(), false);
    assert.match(await outcomeOf(node.engine.append(T, said(1))), /^unavailable: .*ECONNREFUSED/);
    assert.match(await outcomeOf(node.engine.watch(T)), /^unavailable: /);
    const redis = await RedisServer.start(`--port ${port}`);
    open.push(() => redis.stop());
    await eventually(() => isReady(node));
    assert.equal((await node.engine.append(T, said(1))).outcome, "stored");
    assert.equal(node.doubts, 0);
  });

  test("what was written and not answered is unknown when the connection breaks; what only reads is unavailable", async () => {
    const { port } = await server();
    const wire = await createProxy(port);
    open.push(() => wire.close());
    const node = await started(wire.port, { commandTimeout: 5_000 });
    await node.engine.watch(T);
    await node.engine.createConnection("c", {});
    wire.blackhole(true);
    const writing = [
      node.engine.append(T, said(1)),
      node.engine.claimConnection("c", 1, {}),
      node.engine.send("b", "x"),
      node.engine.renewLease(1_000),
    ].map(outcomeOf);
    const reading = [
      node.engine.position(T),
      node.engine.readConnection("c"),
      node.engine.members(T, null, 1),
      node.engine.nodes(),
      node.engine.ownedConnections("a", null, 1),
      node.engine.lineHolder(T),
    ].map(outcomeOf);
    wire.cutAll();
    for (const outcome of await Promise.all(writing)) assert.match(outcome, /^unknown: /);
    for (const outcome of await Promise.all(reading)) assert.match(outcome, /^unavailable: /);
    wire.blackhole(false);
    await eventually(() => assert.equal(node.doubts, 1));
    const again = await node.engine.append(T, said(1));
    assert.equal(again.outcome === "stored" && again.position.offset, 1);
    await eventually(() =>
      assert.deepEqual(
        node.entries.map((entry) => entry.offset),
        [1],
      ),
    );
  });

  test("a server that hangs: unknown at first, soon unavailable, and every number is stored once in the end", async () => {
    const redis = await server();
    const node = await started(redis.port);
    await node.engine.append(T, said(1));
    redis.freeze();
    open.push(() => redis.thaw());
    const writing = outcomeOf(node.engine.append(T, said(2)));
    const reading = outcomeOf(node.engine.position(T));
    assert.match(await writing, /^unknown: append may have been done: Command timed out/);
    assert.match(await reading, /^unavailable: /);
    assert.equal(await node.engine.ready(), false);
    await eventually(async () =>
      assert.match(await outcomeOf(node.engine.append(T, said(2))), /^unavailable: Redis/),
    );
    redis.thaw();
    await eventually(() => node.doubts > 0);
    assert.equal((await node.engine.append(T, said(2))).outcome, "stored");
    assert.equal((await node.engine.position(T)).offset, 2);
  });

  test("a slow server, below the timeout: everything is done and ready; above it: unknown, not ready, and stored once", async () => {
    const { port } = await server();
    const wire = await createProxy(port);
    open.push(() => wire.close());
    const node = await started(wire.port, { commandTimeout: 1_000 });
    await node.engine.watch(T);
    wire.delay(100);
    for (let n = 1; n <= 3; n++) {
      const stored = await node.engine.append(T, said(n));
      assert.equal(stored.outcome === "stored" && stored.repeat, false);
    }
    assert.equal(await node.engine.ready(), true);
    await eventually(() => assert.equal(node.entries.length, 3));
    assert.equal(node.doubts, 0);

    wire.delay(800);
    assert.match(
      await outcomeOf(node.engine.append(T, said(4))),
      /^unknown: append may have been done: Command timed out/,
    );
    assert.equal(await node.engine.ready(), false);
    await eventually(async () =>
      assert.match(await outcomeOf(node.engine.append(T, said(4))), /^unavailable: /),
    );
    wire.delay(0);
    await eventually(() => isReady(node), { timeout: 20_000 });
    await eventually(() => assert.ok(node.doubts > 0));
    const again = await node.engine.append(T, said(4));
    assert.ok(again.outcome === "stored");
    assert.deepEqual([again.repeat, again.position.offset], [true, 4]);
  });

  test("only the connection for pushes breaks: doubt, and what was watched is watched", async () => {
    const { port } = await server();
    const node = await started(port);
    await node.engine.watch(T);
    await raw(port).call("CLIENT", "KILL", "TYPE", "pubsub");
    await eventually(() => assert.equal(node.doubts, 1));
    assert.equal(await node.engine.ready(), true);
    await node.engine.append(T, said(1));
    await eventually(() => assert.equal(node.entries.length, 1));
  });
});

test("over TLS", async () => {
  const certificate = selfSigned();
  open.push(() => certificate.remove());
  const port = await freePort();
  const { keyFile, certFile } = certificate;
  await server(
    `--tls-port ${port}`,
    `--tls-cert-file ${certFile}`,
    `--tls-key-file ${keyFile}`,
    "--tls-auth-clients no",
  );
  const url = `rediss://127.0.0.1:${port}`;
  const stranger = await started(0, { url, startTimeout: 500 });
  assert.match(await outcomeOf(stranger.engine.position(T)), /^unavailable: .*certificate/);
  const node = await started(0, { url, tls: { ca: certificate.cert } });
  assert.equal((await node.engine.append(T, said(1))).outcome, "stored");
});

describe("a Redis that refuses", () => {
  /** As docs/engine.md lists them. */
  const RIGHTS = "on >pw ~test* &test* +@read +@write +@connection +@scripting +@pubsub +info +time".split(
    " ",
  );

  test("memory is full: what stores is unavailable, what frees is not, and the lease goes on", async () => {
    const { port } = await server("--maxmemory-policy noeviction");
    const node = await started(port);
    const { engine } = node;
    await engine.join(T, { id: "m", fence: 1, act: 1, info: "{}" });
    await engine.holdLine("line:l", { holder: "m", fence: 1, act: 1, proofs: [] });
    await engine.createConnection("c", {});
    const client = raw(port);
    await client.config("SET", "maxmemory", "1mb");
    assert.equal(await engine.ready(), false);
    assert.match(
      await outcomeOf(engine.append(T, said(1))),
      /^unavailable: append: Redis has reached its maxmemory/,
    );
    assert.match(await outcomeOf(engine.createConnection("d", {})), /^unavailable: /);
    assert.match(
      await outcomeOf(engine.join(T, { id: "n", fence: 1, act: 1, info: "{}" })),
      /^unavailable: /,
    );
    await engine.renewLease(10_000);
    await engine.leave(T, { id: "m", fence: 1, act: 2 });
    await engine.releaseLine("line:l", "m", 1, 2);
    await engine.removeConnection("c", 1);
    assert.equal((await engine.read(T, await engine.position(T), 1)).missed, 0);
    await client.config("SET", "maxmemory", "0");
    assert.equal(await engine.ready(), true);
    assert.deepEqual(await engine.ownedConnections("a", null, 9), []);
    assert.equal((await engine.append(T, said(1))).outcome, "stored");
  });

  test("a policy that evicts is never ready", async () => {
    const { port } = await server("--maxmemory 100mb", "--maxmemory-policy allkeys-lru");
    const node = await started(port);
    assert.equal(await node.engine.ready(), false);
  });

  test("a wrong password, or none, fails the start, and no secret is told", async () => {
    const { port } = await server("--requirepass rightful");
    const none = nodeOn(port);
    assert.match(
      await outcomeOf(none.start()),
      /^unavailable: Redis at 127\.0\.0\.1:\d+: .*asks for a password/,
    );
    const wrong = nodeOn(port, { url: `redis://:wrongful@127.0.0.1:${port}` });
    const outcome = await outcomeOf(wrong.start());
    assert.match(
      outcome,
      /^unavailable: Redis at 127\.0\.0\.1:\d+: .*does not accept this user and password/,
    );
    assert.doesNotMatch(outcome, /wrongful/);
    const right = await started(port, { url: `redis://:rightful@127.0.0.1:${port}/3` });
    assert.equal(await right.engine.ready(), true);
    await right.engine.position(T);
    assert.match(await raw(port, "rightful").info("keyspace"), /^db3:keys=/m);
  });

  test("a user who lacks a permission fails the start; one with what docs/engine.md lists does not", async () => {
    const { port } = await server();
    const client = raw(port);
    await client.acl("SETUSER", "fit", ...RIGHTS);
    await client.acl("SETUSER", "mute", ...RIGHTS, "-spublish");
    await client.acl("SETUSER", "stranger", ...RIGHTS, "resetkeys", "~other*");
    await client.acl("SETUSER", "deaf", ...RIGHTS, "-ssubscribe");
    const fit = await started(port, { username: "fit", password: "pw" });
    assert.equal(await fit.engine.ready(), true);
    await fit.engine.append(T, said(1));
    for (const username of ["mute", "stranger", "deaf"]) {
      const outcome = await outcomeOf(nodeOn(port, { username, password: "pw" }).start());
      assert.match(outcome, /^unavailable: .*lacks a permission/, username);
    }
  });

  test("a permission is withdrawn: not ready and nothing is stored until it is back, then doubt", async () => {
    const { port } = await server();
    const client = raw(port);
    const withdraw = async (user: string, ...rights: string[]): Promise<void> => {
      await client.acl("SETUSER", user, ...RIGHTS);
      const node = await started(port, { username: user, password: "pw" });
      const other = await started(port, { namespace: node.namespace, node: "b" });
      await node.engine.watch(T);
      assert.equal((await node.engine.append(T, said(1))).outcome, "stored");
      await eventually(() => assert.equal(node.entries.length, 1));

      await client.acl("SETUSER", user, ...rights);
      assert.match(await outcomeOf(node.engine.append(T, said(2))), /^unavailable: .*lacks a permission/);
      const announced = { id: "m", fence: 1, act: 1, info: "{}", announce: { payload: "1", upTo: 9 } };
      assert.match(await outcomeOf(node.engine.join(T, announced)), /^unavailable: /);
      await eventually(async () => assert.equal(await node.engine.ready(), false));
      // A heartbeat has come and gone, and with it another connection.
      await sleep(HEARTBEAT + 1_000);
      assert.equal(await node.engine.ready(), false);
      assert.equal(node.doubts, 0);
      const from = await other.engine.position(T);
      assert.equal(from.offset, 1, "refused, and stored all the same");
      await other.engine.append(T, { kind: "message", from: null, payload: "2" });

      await client.acl("SETUSER", user, ...RIGHTS);
      await eventually(() => isReady(node), { timeout: 15_000 });
      await eventually(() => assert.ok(node.doubts > 0));
      assert.equal((await node.engine.read(T, from, 9)).entries.length, 1);
      const again = await node.engine.append(T, said(2));
      assert.ok(again.outcome === "stored");
      assert.deepEqual([again.repeat, again.position.offset], [false, 3]);
      await eventually(() => assert.equal(node.entries.at(-1)?.offset, 3));
    };
    await Promise.all([
      withdraw("mute", "-spublish"),
      withdraw("idle", "-xadd"),
      withdraw("halfway", "-hset"),
      withdraw("reader", "-@write"),
      withdraw("keyless", "resetkeys", "~test*:{n*", "~test*:{c*", "~test*:{probe}*"),
      withdraw("voiceless", "resetchannels", "&test*:{n*", "&test*:{probe}*"),
    ]);
  });

  test("the right to listen is withdrawn: not ready until it is back, and then what was watched is watched", async () => {
    const { port } = await server();
    const client = raw(port);
    await client.acl("SETUSER", "deaf", ...RIGHTS);
    const node = await started(port, { username: "deaf", password: "pw" });
    await node.engine.watch(T);
    await client.acl("SETUSER", "deaf", "-ssubscribe");
    assert.match(await outcomeOf(node.engine.watch("room:other")), /^unavailable: .*lacks a permission/);
    await eventually(async () => assert.equal(await node.engine.ready(), false));
    await node.engine.append(T, said(1));
    await client.acl("SETUSER", "deaf", ...RIGHTS);
    await eventually(() => isReady(node), { timeout: 15_000 });
    await eventually(() => assert.equal(node.doubts, 1));
    assert.deepEqual(node.entries, []);
    await node.engine.append(T, said(2));
    await eventually(() => assert.equal(node.entries.at(-1)?.offset, 2));
  });

  test("a permission that is missed within a script leaves open what it has done, in the words of every version", () => {
    for (const [words, outcome] of [
      ["ERR The user executing the script can't run this command or subcommand script: 1", "unknown"],
      ["ERR ACL failure in script: User u has no permissions to run the 'xadd' command", "unknown"],
      ["NOPERM ACL failure in script: User u has no permissions to run the 'xadd' command", "unknown"],
      ["NOPERM User u has no permissions to run the 'evalsha' command", "unavailable"],
      ["NOPERM No permissions to access a key", "unavailable"],
      ["MISCONF Errors writing to the AOF file: No space left on device", "unavailable"],
      ["NOREPLICAS Not enough good replicas to write.", "unavailable"],
    ] as const) {
      const error = new ReplyError(words);
      assert.equal(failureOf(error, "append", false).outcome, outcome, words);
      assert.equal(failureOf(error, "read", true).outcome, "unavailable", words);
      assert.equal(isRefusal(error), true, words);
    }
    assert.equal(isRefusal(new ReplyError("FENCED the record is gone")), false);
  });

  test("it cannot save to its disk: nothing is stored and not ready, until it can", async () => {
    const redis = await server();
    const node = await started(redis.port);
    await node.engine.append(T, said(1));
    const client = raw(redis.port);
    const saved = async (how: "ok" | "err"): Promise<void> => {
      await client.bgsave();
      await eventually(async () =>
        assert.match(
          await client.info("persistence"),
          new RegExp(`rdb_bgsave_in_progress:0[^]*rdb_last_bgsave_status:${how}`),
        ),
      );
    };
    await client.config("SET", "save", "3600 1000000");
    // Where its snapshot goes there is a folder.
    const inTheWay = join(redis.dir, "dump.rdb");
    mkdirSync(inTheWay);
    await saved("err");
    assert.match(
      await outcomeOf(node.engine.append(T, said(2))),
      /^unavailable: append: Redis cannot write to its disk/,
    );
    await eventually(async () => assert.equal(await node.engine.ready(), false));
    rmdirSync(inTheWay);
    await saved("ok");
    await eventually(() => isReady(node), { timeout: 15_000 });
    await eventually(() => assert.equal(node.doubts, 1));
    const again = await node.engine.append(T, said(2));
    assert.ok(again.outcome === "stored");
    assert.deepEqual([again.repeat, again.position.offset], [false, 2]);
  });

  test("a Redis Cluster and a replica fail the start", async () => {
    const cluster = await server("--cluster-enabled yes");
    assert.match(await outcomeOf(nodeOn(cluster.port).start()), /^unavailable: .*needs a single Redis/);
    const master = await server();
    const replica = await server(`--replicaof 127.0.0.1 ${master.port}`);
    assert.match(
      await outcomeOf(nodeOn(replica.port).start()),
      /^unavailable: .*is a replica; its master is needed/,
    );
  });

  test("what is not one line of an address is refused at once", () => {
    for (const [url, why] of [
      ["nonsense", /is not a URL/],
      ["http://localhost", /begins with redis:\/\/ or rediss:\/\//],
      ["redis+cluster://localhost", /not supported yet/],
      ["redis+sentinel:///mymaster", /URL of the Sentinels is not one/],
      ["redis+sentinel://a:1,b:x/mymaster", /"b:x" is no address/],
      ["redis://localhost/first", /number of a database/],
    ] as const) {
      assert.throws(() => nodeOn(1, { url }), why);
    }
    assert.throws(() => nodeOn(1, { namespace: "a{b" }), /a namespace in Redis/);
  });
});

describe("a Redis with replicas", () => {
  test("a connection for pushes that ends at another server makes the node not ready, until both agree", async () => {
    const [right, wrong] = [await server(), await server()];
    const wire = await createProxy(right.port);
    open.push(() => wire.close());
    const node = await started(wire.port);
    await node.engine.watch(T);
    wire.target(wrong.port);
    await raw(right.port).call("CLIENT", "KILL", "TYPE", "pubsub");
    const elsewhere = raw(wrong.port);
    await eventually(async () => ((await elsewhere.pubsub("SHARDCHANNELS")) as unknown[]).length > 0);
    assert.equal(await node.engine.ready(), false);
    assert.equal(node.doubts, 0);
    wire.target(right.port);
    await eventually(() => isReady(node), { timeout: 15_000 });
    await eventually(() => assert.equal(node.doubts, 1));
    await node.engine.append(T, said(1));
    await eventually(() => assert.equal(node.entries.length, 1));
  });

  test("Sentinels: when the master dies the engine goes on with the one they promote, under new epochs", async () => {
    const master = await server();
    const replica = await server(`--replicaof 127.0.0.1 ${master.port}`, "--repl-diskless-sync-delay 0");
    await linked(raw(replica.port));
    const sentinel = await RedisServer.sentinel(master.port);
    open.push(() => sentinel.stop());
    const watcher = raw(sentinel.port);
    await eventually(async () => assert.match(await watcher.info("sentinel"), /slaves=1/), {
      timeout: 20_000,
    });
    const node = await started(0, { url: `redis+sentinel://127.0.0.1:${sentinel.port}/mymaster` });
    const before = await node.engine.append(T, said(1));
    assert.equal(await raw(master.port).wait(1, 5_000), 1);
    await master.kill();
    await eventually(() => isReady(node), { timeout: 20_000 });
    const after = await node.engine.append(T, said(1));
    assert.ok(before.outcome === "stored" && after.outcome === "stored");
    assert.equal(after.repeat, true);
    assert.notEqual(after.position.epoch, before.position.epoch);
    assert.equal(node.doubts, 1);
  });

  test("attaching the first replica changes nothing", async () => {
    const master = await server("--repl-diskless-sync-delay 0");
    const node = await started(master.port);
    const { epoch } = await node.engine.position(T);
    const replica = await server(`--replicaof 127.0.0.1 ${master.port}`);
    await linked(raw(replica.port));
    const other = await started(master.port, { namespace: node.namespace, node: "b" });
    assert.equal((await other.engine.position(T)).epoch, epoch);
    assert.equal((await node.engine.position(T)).epoch, epoch);
    assert.equal(node.doubts, 0);
  });

  test("a master that was demoted, overwritten and promoted again begins new epochs", async () => {
    const redis = await server();
    const other = await server("--repl-diskless-sync-delay 0");
    const node = await started(redis.port);
    const before = await node.engine.append(T, said(1));
    const client = raw(redis.port);
    await client.replicaof("127.0.0.1", other.port);
    await eventually(async () =>
      assert.match(await outcomeOf(node.engine.append(T, keyed("k"))), /^unavailable: .*replica/),
    );
    await linked(client);
    await client.replicaof("NO", "ONE");
    await eventually(() => isReady(node), { timeout: 15_000 });
    const after = await node.engine.append(T, keyed("k"));
    assert.ok(before.outcome === "stored" && after.outcome === "stored");
    assert.notEqual(after.position.epoch, before.position.epoch);
    assert.equal(after.position.offset, 1);
    assert.ok(node.doubts > 0);
  });

  test("a node that has not noticed yet what the others have is refused, and then goes on as they do", async () => {
    const redis = await server();
    const node = await started(redis.port);
    const client = raw(redis.port);
    await node.engine.position(T);
    // As after a promotion: the topic was written under a later identity.
    const meta = `${node.namespace}:{t:room:t}:meta`;
    const identity = await client.hget(meta, "server");
    await client.hset(meta, "server", "later", "former", identity!);
    assert.match(
      await outcomeOf(node.engine.append(T, said(1))),
      /^unavailable: .*replaced behind this connection/,
    );
  });
});

test("addresses are read as they are usually written", () => {
  const of = (options: Partial<RedisEngineOptions>) => {
    const { clock, random, log } = { clock: systemClock, random: systemRandom, log: QUIET };
    const { host, port, username, password, db, tls, sentinels, name } = connectionOptions({
      clock,
      random,
      log,
      ...options,
    });
    return { host, port, username, password, db, tls, sentinels, name };
  };
  const plain = { ...of({}), host: "127.0.0.1", port: 6379, db: 0 };
  assert.deepEqual(of({}), plain);
  assert.deepEqual(of({ url: "redis://redis" }), { ...plain, host: "redis" });
  assert.deepEqual(of({ url: "redis://[::1]:7000/4" }), { ...plain, host: "::1", port: 7000, db: 4 });
  assert.deepEqual(of({ url: "rediss://me:p%40ss@redis:6380/" }), {
    ...plain,
    host: "redis",
    port: 6380,
    username: "me",
    password: "p@ss",
    tls: {},
  });
  assert.deepEqual(of({ url: "redis://redis:7000/1", port: 7001, password: "x" }), {
    ...plain,
    host: "redis",
    port: 7001,
    db: 1,
    password: "x",
  });
  const watched = { ...plain, host: undefined, port: undefined, name: "mymaster" };
  assert.deepEqual(of({ url: "redis+sentinel://one,two:7000" }), {
    ...watched,
    sentinels: [
      { host: "one", port: 26_379 },
      { host: "two", port: 7000 },
    ],
  });
  assert.deepEqual(of({ url: "redis+sentinel://:secret@one/chat/3" }), {
    ...watched,
    sentinels: [{ host: "one", port: 26_379 }],
    name: "chat",
    password: "secret",
    db: 3,
  });
});

test("an engine that was stopped says nothing more", async () => {
  const { port } = await server();
  const node = await startedOn(port);
  await node.engine.watch(T);
  await node.engine.stop();
  await assert.rejects(node.engine.append(T, said(1)), EngineFailure);
  await raw(port).call("CLIENT", "KILL", "TYPE", "normal");
  assert.deepEqual([node.entries, node.doubts], [[], 0]);
});
