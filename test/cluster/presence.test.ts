/** What the members of a killed node are to everybody else, as docs/cluster.md says it. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { player, range } from "../cuts/stage.ts";
import { closeAll, eventually, RedisServer, type ServerProcess, spawnServer } from "../support/index.ts";
import { Socket } from "../wire/support/door.ts";
import { connect, handshake, lineOf, type Message, minted, subscribe } from "../wire/support/messages.ts";

/** Of the project, seconds. */
const [LEASE, GRACE] = [2, 8];
/** Orphans are looked for each half lease, after the lease is over. */
const ADOPTED = LEASE + LEASE / 2;
/** The sweep: a tick of half a second, a look at each session each second; and what a slow machine takes. */
const SWEEP = 1.5;
const SLACK = 1;
const AWAY_AFTER = 5;

let redis: RedisServer;
let nodes: ServerProcess[] = [];
before(async () => {
  redis = await RedisServer.start();
  const options = { project: "test/cluster/quick", env: { REDIS_URL: redis.url } };
  nodes = await Promise.all(range(0, 3).map(() => spawnServer(options)));
});
after(async () => {
  await closeAll(...nodes);
  await redis?.stop();
});

test("212: the members of a killed node are away, then gone, once, on every node alike and within the bound", async (t) => {
  const [killed, ...left] = nodes as [ServerProcess, ServerProcess, ServerProcess];
  const watchers = left.map((node) => player({ host: node.url, transports: ["websocket"] }));
  t.after(() => Promise.all(watchers.map(({ client }) => client.disconnect())));
  await Promise.all(watchers.map(({ client }) => client.connect()));
  const sockets = await Promise.all(
    range(0, 10).map(async () => {
      const socket = await Socket.open(killed.url);
      const { clientId, connectionId } = minted(await socket.one(handshake()));
      await socket.one(subscribe(clientId, lineOf(connectionId)));
      socket.send([connect(clientId, { connectionType: "websocket" })]);
      return { socket, id: connectionId };
    }),
  );
  const ids = sockets.map(({ id }) => id).sort();

  /** What this node says of them; null for one that is not there. */
  const states = async (who: (typeof watchers)[number]): Promise<unknown[]> => {
    const view = (await who.client.roomView()) as { data: { members: Record<string, Message> } };
    return ids.map((id) => view.data.members[id]?.state ?? null);
  };
  const all = (state: string | null) => ids.map(() => state);
  const everywhere = (state: string | null, within: number) =>
    Promise.all(
      watchers.map((who) =>
        eventually(async () => assert.deepEqual(await states(who), all(state)), {
          timeout: within * 1000 - (performance.now() - since),
          interval: 100,
        }),
      ),
    );
  let since = performance.now();
  await everywhere("online", 10);

  since = performance.now();
  await killed.stop("SIGKILL");
  await everywhere("away", ADOPTED + AWAY_AFTER + SWEEP + SLACK);
  const away = (performance.now() - since) / 1000;
  assert.ok(away >= AWAY_AFTER, `away after ${away} s`);
  await everywhere(null, ADOPTED + GRACE + SWEEP + SLACK);
  const gone = (performance.now() - since) / 1000;
  assert.ok(gone >= GRACE, `gone after ${gone} s`);
  t.diagnostic(`away after ${away.toFixed(1)} s, gone after ${gone.toFixed(1)} s`);
  // Each leaves once, and is announced once.
  await Promise.all(
    watchers.map((who) =>
      eventually(() =>
        assert.deepEqual(
          who.said
            .filter(({ message }) => message === "I have left the room")
            .map(({ from }) => String(from))
            .sort(),
          ids,
        ),
      ),
    ),
  );
});
