/** The balancers of docs/cluster.md, and one that draws lots, before two real nodes and one real Redis: no affinity anywhere. */
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { seededRandom } from "../../src/testing/fake-clock.ts";
import { Balancer as RandomBalancer } from "../chaos/balancer.ts";
import { range } from "../cuts/stage.ts";
import { Dice } from "../simulation/time.ts";
import { type Balancer, startBalancer } from "../support/balancers.ts";
import { closeAll, RedisServer, type ServerProcess, spawnServer } from "../support/index.ts";
import { cast, everybodyHears, OURS } from "./cast.ts";

type Start = (ports: readonly [number, number]) => Promise<Balancer>;
const BALANCERS: Readonly<Record<string, Start>> = {
  nginx: (ports) => startBalancer("nginx", ports),
  haproxy: (ports) => startBalancer("haproxy", ports),
  /** Each request and each socket goes to any node. */
  chance: async (ports) => {
    const balancer = new RandomBalancer(() => ports, new Dice(seededRandom(1)));
    const url = await balancer.listen();
    return { url, close: async () => balancer.close() };
  },
};

let redis: RedisServer;
let nodes: [ServerProcess, ServerProcess];
let dead = false;
before(async () => {
  redis = await RedisServer.start();
  const env = { REDIS_URL: redis.url };
  nodes = await Promise.all([spawnServer({ env }), spawnServer({ env })]);
});
after(async () => {
  await closeAll(...(nodes ?? []));
  await redis?.stop();
});

for (const [name, start] of Object.entries(BALANCERS)) {
  describe(`behind ${name}`, () => {
    let balancer: Balancer | undefined;
    before(async () => {
      if (dead) await nodes[0].start();
      dead = false;
      balancer = await start([nodes[0].port, nodes[1].port]);
    });
    after(() => balancer?.close());

    test("stock clients and ours chat on every transport; a node is killed, and nothing is lost or doubled", async (t) => {
      const all = await cast(t, balancer!.url);
      const said = new Map(all.map((_, i): [number, number[]] => [i, []]));
      const say = async (speaker: number, n: number): Promise<void> => {
        said.get(speaker)!.push(n);
        await all[speaker]!.say(n);
      };
      for (const n of range(0, 30)) await say(n % all.length, n);
      await everybodyHears(all, said);
      // What stock clients have heard is written down each second.
      await sleep(2_000);

      dead = true;
      await nodes[0].stop("SIGKILL");
      // A say of ours that was on the wire is repeated by its client and takes effect once; a stock client would be told an error.
      await Promise.all(
        OURS.map(async (_, speaker) => {
          for (const n of range(0, 10)) await say(speaker, 100 + 10 * speaker + n);
        }),
      );
      await everybodyHears(all, said);
      for (const [speaker] of all.entries()) await say(speaker, 200 + speaker);
      await everybodyHears(all, said);
    });
  });
}
