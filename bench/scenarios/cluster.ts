import { Flow, Meter } from "../lib/flow.ts";
import { startServer } from "../lib/process.ts";
import { startRedis } from "../lib/redis.ts";
import { crowd, stage } from "../lib/round.ts";
import { among, onSockets } from "../peers.ts";
import type { Scenario } from "./scenario.ts";

const MEMBERS = 500;
const PER_SECOND = 20;

/** A room on two nodes and their Redis; one speaks on the first node, at a steady rate. */
export const cluster: Scenario = {
  name: "cluster",
  title: `two nodes on Redis, ${MEMBERS} members each, ${PER_SECOND} messages a second`,
  unit: "µs of CPU per delivery, both nodes and Redis",
  goal: { peer: "floor", times: 1.1 },
  peers: among(onSockets, "floor", "socket.io", "actionwire"),
  async open({ program, wire }, scale) {
    const redis = await startRedis();
    const env = { REDIS_URL: redis.url };
    const nodes = [await startServer(program, env), await startServer(program, env)];
    const meter = new Meter();
    const flow = new Flow(meter);
    const crowds = [];
    for (const node of nodes) crowds.push(await crowd(wire, node, MEMBERS));
    const receivers = crowds.flat();
    for (const client of receivers) client.receiver = flow.receiver();
    const speaker = await wire.open(nodes[0]!, 0);
    flow.speaks((text) => speaker.say(text));
    const servers = [...nodes, redis];
    const clients = [speaker, ...receivers];
    const longer = { ...scale, measured: 2 * scale.measured };
    return stage(
      { servers, clients, flows: [flow], meter, begin: () => flow.every(1000 / PER_SECOND) },
      longer,
    );
  },
};
