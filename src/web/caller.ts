import { randomUUID } from "node:crypto";
import type { Connection } from "../api.ts";
import { guardedData, replaceData } from "../data.ts";
import type { Json } from "../ports.ts";
import type { Requester } from "../sessions/gateway.ts";

/** What an action sees of one HTTP request: a connection that is in no room and ends with its answer. */
export const webConnection = (
  { remoteIP, remotePort }: Requester,
  identity: Json,
  params: Readonly<Record<string, unknown>>,
): Connection => {
  // The same rule as on a connection that lives: what passes here must not fail there.
  const data = guardedData({}, () => {});
  return {
    id: randomUUID(),
    type: "web",
    transport: "http",
    remoteIP,
    remotePort,
    connectedAt: Date.now(),
    room: null,
    listeningRooms: [],
    identity,
    get data() {
      return data;
    },
    set data(value) {
      replaceData(data, value);
    },
    totalActions: 1,
    pendingActions: 1,
    params,
  };
};
