import { Flow, Meter } from "../lib/flow.ts";
import { startServer } from "../lib/process.ts";
import { crowd, stage } from "../lib/round.ts";
import { among, onHttp, onSockets } from "../peers.ts";
import type { Scenario } from "./scenario.ts";

const CONNECTIONS = 100;

type Asked = Pick<Scenario, "name" | "title" | "peers" | "goal"> & { readonly inFlight: number };

/** Each connection asks for an action that answers with the text that it is given. */
function action({ name, title, peers, goal, inFlight }: Asked): Scenario {
  return {
    name,
    title: `${title}, ${CONNECTIONS} connections, ${inFlight} in flight each`,
    unit: "µs of server CPU per action",
    ...(goal ? { goal } : {}),
    peers,
    async open({ program, wire }, scale) {
      const server = await startServer(program);
      const meter = new Meter();
      const clients = await crowd(wire, server, CONNECTIONS);
      const flows = clients.map((client) => {
        const flow = new Flow(meter);
        client.receiver = flow.receiver();
        flow.speaks((text) => client.act(text));
        return flow;
      });
      return stage({ servers: [server], clients, flows, meter, begin: (flow) => flow.open(inFlight) }, scale);
    },
  };
}

const line = {
  title: "action and reply",
  peers: among(onSockets, "floor", "ws", "bun", "socket.io", "faye", "primus", "actionwire"),
};

export const actions: readonly Scenario[] = [
  action({ ...line, name: "action-16", inFlight: 16, goal: { peer: "socket.io", times: 0.4 } }),
  action({ ...line, name: "action", inFlight: 1, goal: { peer: "socket.io", times: 1 } }),
];

export const httpAction = action({
  name: "http-action",
  title: "action over HTTP (floor: a bare Fastify route)",
  peers: onHttp,
  inFlight: 1,
});
