/** SIGTERM for a node of a cluster: everybody goes on at the other one. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { systemRandom } from "../../src/clock.ts";
import { Balancer } from "../chaos/balancer.ts";
import { player, range } from "../cuts/stage.ts";
import { Dice } from "../simulation/time.ts";
import { closeAll, eventually, RedisServer, type ServerProcess, spawnServer } from "../support/index.ts";
import { post } from "../wire/support/http.ts";
import { connect, handshake, lineOf, type Message, minted, subscribe } from "../wire/support/messages.ts";
import { cast, everybodyHears } from "./cast.ts";

/** `cluster.drain` of the project, ms. */
const DRAIN = 4_000;

let redis: RedisServer;
let a: ServerProcess;
let b: ServerProcess;
before(async () => {
  redis = await RedisServer.start();
  const options = { project: "test/cluster/quick", env: { REDIS_URL: redis.url } };
  [a, b] = await Promise.all([spawnServer(options), spawnServer(options)]);
});
after(async () => {
  await closeAll(a, b);
  await redis?.stop();
});

const ask = async (node: ServerProcess, message: Message): Promise<Message[]> =>
  JSON.parse((await post(`${node.url}/faye`, JSON.stringify([message]))).body) as Message[];

/** A session in the room. */
async function member(node: ServerProcess): Promise<string> {
  const { clientId, connectionId } = minted((await ask(node, handshake()))[0]!);
  await ask(node, subscribe(clientId, lineOf(connectionId)));
  return clientId;
}

/** Takes what is owed, who entered among it, until there is nothing left that would answer a poll. */
async function settle(node: ServerProcess, clientId: string): Promise<void> {
  const now = connect(clientId, { advice: { timeout: 0 } });
  while ((await ask(node, now)).length > 1);
}

test("a node is told to end: not ready, its clients move and lose nothing, it exits with 0 in time", async (t) => {
  t.after(() => a.start());
  let route = [a.port];
  const balancer = new Balancer(() => route, new Dice(systemRandom));
  const base = await balancer.listen();
  const all = await cast(t, base);
  const busy = player({ host: base, transports: ["websocket"] });
  t.after(() => busy.client.disconnect());
  await busy.client.connect();
  const speaker = player({ host: b.url });
  t.after(() => speaker.client.disconnect());
  // Last: nobody could say goodbye without it.
  t.after(() => balancer.close());
  await speaker.client.connect();
  const said = new Map<number, number[]>(all.map((_, i) => [i, []]));
  const told: number[] = [];
  said.set(all.length, told);
  const tell = async (n: number): Promise<void> => {
    told.push(n);
    await speaker.client.say(String(n));
  };
  for (const n of range(0, 10)) await tell(n);
  await everybodyHears(all, said);

  route = [a.port, b.port];
  const action = busy.client.action("sleep", { sleepDuration: 1_500 });
  await sleep(100);
  const since = performance.now();
  const ended = a.stop("SIGTERM").then((exit) => ({ exit, ms: performance.now() - since }));
  await eventually(async () => assert.equal((await fetch(`${a.url}/readyz`)).status, 503));
  assert.equal((await fetch(`${a.url}/healthz`)).status, 200);
  for (const n of range(10, 60)) {
    await tell(n);
    await sleep(50);
  }
  // The action was under way, and is waited for.
  assert.equal((await action).sleepDuration, 1_500);
  const { exit, ms } = await ended;
  assert.deepEqual(exit, { code: 0, signal: null });
  assert.ok(ms >= 1_000 && ms < DRAIN, `it took ${ms} ms`);
  await everybodyHears(all, said);
  for (const [i, { say }] of all.entries()) {
    said.get(i)!.push(100 + i);
    await say(100 + i);
  }
  await everybodyHears(all, said);
});

test("a poll that comes to a node which is ending is answered before the end", async (t) => {
  t.after(() => a.start());
  const busy = player({ host: a.url, transports: ["websocket"] });
  t.after(() => busy.client.disconnect());
  await busy.client.connect();
  const clientId = await member(b);
  await settle(b, clientId);
  // Its answer may be at the other node by then, which this client does not know.
  busy.client.action("sleep", { sleepDuration: 1_000 }).catch(() => {});
  await sleep(100);
  const ended = a.stop("SIGTERM");
  await eventually(async () => assert.equal((await fetch(`${a.url}/readyz`)).status, 503));
  const [reply] = await ask(a, connect(clientId));
  assert.equal(reply!.successful, true);
  assert.deepEqual(await ended, { code: 0, signal: null });
  assert.equal((await ask(b, connect(clientId, { advice: { timeout: 0 } })))[0]!.successful, true);
});

test("those who poll are told to come back at times that are spread over the drain period", async (t) => {
  t.after(() => a.start());
  const members = await Promise.all(range(0, 16).map(() => member(a)));
  await Promise.all(members.map((clientId) => settle(a, clientId)));
  const answers = members.map((clientId) => ask(a, connect(clientId)));
  await sleep(500);
  assert.deepEqual(await a.stop("SIGTERM"), { code: 0, signal: null });
  const intervals: number[] = [];
  for (const answer of answers) {
    for (const { channel, successful, advice } of await answer) {
      if (channel !== "/meta/connect") continue;
      assert.equal(successful, true);
      const { reconnect, interval } = advice as { reconnect: string; interval: number };
      assert.equal(reconnect, "retry");
      intervals.push(interval);
    }
  }
  assert.equal(intervals.length, members.length);
  assert.ok(Math.min(...intervals) >= 0 && Math.max(...intervals) <= DRAIN, String(intervals));
  // Sixteen at random lie in less than a third of it once in two million.
  assert.ok(Math.max(...intervals) - Math.min(...intervals) > DRAIN / 3, String(intervals));
});

test("an action that does not end is not waited for longer than that", async (t) => {
  const busy = player({ host: a.url, transports: ["websocket"] });
  t.after(() => Promise.race([busy.client.disconnect(), sleep(1_000)]));
  await busy.client.connect();
  const action = busy.client.action("sleep", { sleepDuration: 60_000 }).catch(() => {});
  await sleep(200);
  const since = performance.now();
  assert.deepEqual(await a.stop("SIGTERM"), { code: 0, signal: null });
  const ms = performance.now() - since;
  assert.ok(ms >= DRAIN - 500 && ms < DRAIN + 1_500, `it took ${ms} ms`);
  await busy.client.disconnect();
  await action;
});
