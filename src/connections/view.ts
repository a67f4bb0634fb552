import type { Connection } from "../api.ts";
import type { TransportName } from "../bayeux/transport-name.ts";
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
    this.#data = shared(session.record.data as Record<string, unknown>, "data", () =>
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
    checkJson(value, "data");
    for (const key of Object.keys(this.#data)) delete this.#data[key];
    for (const [key, part] of Object.entries(value)) this.#data[key] = part;
  }
  get totalActions(): number {
    return this.#session.record.counts.actions;
  }
  get pendingActions(): number {
    return lifeOf(this.#session).pending.size;
  }
  get params(): Readonly<Record<string, unknown>> {
    return lifeOf(this.#session).params;
  }
}

const VIEW = Symbol("view");

export function viewOf(session: Session): Connection {
  let view = session.companions.get(VIEW) as Connection | undefined;
  if (!view) {
    view = new LiveConnection(session);
    session.companions.set(VIEW, view);
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

/** Throws a TypeError naming the place of a value that JSON would not bring back as it is. */
function checkJson(value: unknown, path: string): void {
  switch (typeof value) {
    case "string":
    case "boolean":
      return;
    case "number":
      if (Number.isFinite(value)) return;
      break;
    case "object": {
      if (value === null) return;
      if (Array.isArray(value)) {
        for (const [index, item] of value.entries()) checkJson(item, `${path}[${index}]`);
        return;
      }
      const prototype: unknown = Object.getPrototypeOf(value);
      if (prototype === Object.prototype || prototype === null) {
        for (const [key, item] of Object.entries(value)) checkJson(item, `${path}.${key}`);
        return;
      }
    }
  }
  const what = typeof value === "object" ? value?.constructor?.name : typeof value;
  throw new TypeError(`connection.${path} must be something JSON can carry, not ${what ?? String(value)}`);
}

/** The same object, but what is set in it is checked and noted. */
function shared<T extends object>(target: T, path: string, changed: () => void): T {
  return new Proxy(target, {
    get(object, key, receiver): unknown {
      const value: unknown = Reflect.get(object, key, receiver);
      return typeof value === "object" && value !== null && Object.hasOwn(object, key)
        ? shared(value, `${path}.${String(key)}`, changed)
        : value;
    },
    set(object, key, value): boolean {
      checkJson(value, `${path}.${String(key)}`);
      // Own properties only: `__proto__` is data.
      const copy: unknown = JSON.parse(JSON.stringify(value));
      Object.defineProperty(object, key, {
        value: copy,
        writable: true,
        enumerable: true,
        configurable: true,
      });
      changed();
      return true;
    },
    defineProperty(object, key, descriptor): boolean {
      checkJson(descriptor.value, `${path}.${String(key)}`);
      changed();
      return Reflect.defineProperty(object, key, descriptor);
    },
    deleteProperty(object, key): boolean {
      changed();
      return Reflect.deleteProperty(object, key);
    },
  });
}
