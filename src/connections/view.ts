import type { Connection } from "../api.ts";
import type { TransportName } from "../bayeux/transport-name.ts";
import { guardedData, replaceData } from "../data.ts";
import type { Json } from "../ports.ts";
import type { ConnectionRecord } from "../sessions/record.ts";
import type { Session } from "../sessions/session.ts";
import { lifeOf } from "./life.ts";

/** A connection as application code sees it, alive: what it reads is how things stand now. */
class LiveConnection implements Connection {
  readonly type = "webSocket";
  readonly #session: Session;
  readonly #data: Record<string, unknown>;

  constructor(session: Session) {
    this.#session = session;
    this.#data = guardedData(session.record.data as Record<string, unknown>, () =>
      session.keeper.later("data"),
    );
  }

  get id(): string {
    return this.#session.record.line?.id ?? lifeOf(this.#session).claiming ?? this.#session.id;
  }
  get transport(): TransportName {
    return this.#session.carriage.transport;
  }
  get remoteIP(): string {
    return this.#session.record.who.remoteIP;
  }
  get remotePort(): number {
    return this.#session.record.who.remotePort;
  }
  get connectedAt(): number {
    return this.#session.record.who.connectedAt;
  }
  get room(): string | null {
    return this.#session.record.rooms.room;
  }
  get listeningRooms(): readonly string[] {
    return Object.keys(this.#session.record.rooms.listening);
  }
  get identity(): Json {
    return this.#session.record.who.identity;
  }
  get data(): Record<string, unknown> {
    return this.#data;
  }
  set data(value: Record<string, unknown>) {
    replaceData(this.#data, value);
  }
  get totalActions(): number {
    return this.#session.record.counts.actions;
  }
  get pendingActions(): number {
    const { pending, beginning } = lifeOf(this.#session);
    return pending.size + beginning;
  }
  get params(): Readonly<Record<string, unknown>> {
    return lifeOf(this.#session).params;
  }
}

const VIEW = Symbol("view");

export function viewOf(session: Session): Connection {
  let view = session.companions[VIEW] as Connection | undefined;
  if (!view) {
    view = new LiveConnection(session);
    session.companions[VIEW] = view;
  }
  return view;
}

/** A connection that another node serves, as its record tells. */
export function viewOfRecord(id: string, record: ConnectionRecord): Connection {
  const { who, rooms, counts, data } = record;
  return {
    id: record.line?.id ?? id,
    type: "webSocket",
    transport: "websocket",
    remoteIP: who.remoteIP,
    remotePort: who.remotePort,
    connectedAt: who.connectedAt,
    room: rooms.room,
    listeningRooms: Object.keys(rooms.listening),
    identity: who.identity,
    // Only the node that serves a connection writes its data.
    data: Object.freeze({ ...data }) as Record<string, unknown>,
    totalActions: counts.actions,
    pendingActions: 0,
    params: {},
  };
}
