import { api } from "./wire/api.ts";
import * as bayeux from "./wire/bayeux.ts";
import { held } from "./wire/held.ts";
import { plain, primus } from "./wire/plain.ts";
import { socketIo, socketIoPolling } from "./wire/socket-io.ts";
import type { Wire } from "./wire/wire.ts";

/** A server to be measured, and how its clients speak. */
export interface Peer {
  /** Of bench/servers. */
  readonly program: string;
  readonly wire: Wire;
  readonly note?: string;
}

export type Peers = Readonly<Record<string, Peer>>;

/** The servers that a scenario is measured on. */
export const among = (peers: Peers, ...names: string[]): Peers =>
  Object.fromEntries(names.map((name) => [name, peers[name]!]));

const raised = "events per second and pending actions of one connection raised, still counted";

export const onSockets: Peers = {
  floor: { program: "floor.js", wire: plain },
  ws: { program: "ws.js", wire: plain },
  bun: { program: "bun.js", wire: plain },
  "socket.io": { program: "socket.io.js", wire: socketIo },
  faye: { program: "faye.js", wire: bayeux.faye },
  primus: { program: "primus.js", wire: primus },
  actionwire: { program: "actionwire.js", wire: bayeux.ours, note: raised },
  "actionwire (stock)": { program: "actionwire.js", wire: bayeux.stock, note: raised },
};

export const onPolling: Peers = {
  floor: { program: "floor-polling.js", wire: held },
  "socket.io": { program: "socket.io.js", wire: socketIoPolling },
  faye: { program: "faye.js", wire: bayeux.fayePolling },
  actionwire: { program: "actionwire.js", wire: bayeux.oursPolling, note: raised },
  "actionwire (stock)": { program: "actionwire.js", wire: bayeux.stockPolling, note: raised },
};

export const onCallback: Peers = {
  faye: { program: "faye.js", wire: bayeux.fayeCallback },
  actionwire: { program: "actionwire.js", wire: bayeux.oursCallback, note: raised },
};

export const onEvents: Peers = {
  faye: { program: "faye.js", wire: bayeux.fayeEvents },
  actionwire: { program: "actionwire.js", wire: bayeux.oursEvents, note: raised },
};

export const onHttp: Peers = {
  floor: { program: "fastify.js", wire: api },
  actionwire: { program: "actionwire.js", wire: api, note: raised },
};
