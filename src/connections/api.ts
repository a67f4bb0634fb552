import type { Api, ConnectionsApi, DisconnectOptions, RoomsApi } from "../api.ts";
import { type Engine, EngineFailure, lineTopic } from "../engine/contract.ts";
import { insist } from "../engine/insist.ts";
import { newKey } from "../engine/keys.ts";
import { throughJson } from "../json.ts";
import type { Clock, Json } from "../ports.ts";
import { MEMBERS_PAGE, type Rooms } from "../rooms/rooms.ts";
import { type Directory, GONE } from "../sessions/directory.ts";
import { type ConnectionRecord, parseRecord } from "../sessions/record.ts";
import { checkCarried, checkChannel, checkLimit, checkMessage, checkRoom, checkText } from "./arguments.ts";
import type { Channels } from "./channels.ts";
import type { Lines } from "./lines.ts";
import type { ServerCommand } from "./server-commands.ts";
import { viewOf, viewOfRecord } from "./view.ts";

export interface ApiParts {
  readonly node: string;
  readonly engine: Engine;
  readonly clock: Clock;
  readonly directory: Directory;
  /** Whether there is nothing that the store does not know. */
  readonly complete: () => Promise<boolean>;
  readonly lines: Lines;
  readonly rooms: Rooms;
  readonly channels: Channels;
  readonly config: Api["config"];
  readonly actions: Api["actions"];
  readonly log: Api["log"];
}

/** There is no connection with this id. */
export class UnknownConnection extends Error {
  override readonly name = "UnknownConnection";
  readonly code = "unknown_connection";
  constructor(id: string) {
    super(`there is no connection ${id}`);
  }
}

/** What actions and hooks receive: connections and rooms of the whole cluster, from any node. */
export function createApi(parts: ApiParts): Api {
  const { node, config, actions, log, channels } = parts;
  return {
    id: node,
    config,
    configData: Object.freeze({ ...config, defaultChatRoom: config.general.defaultChatRoom }),
    connections: connectionsApi(parts),
    rooms: roomsApi(parts),
    actions,
    async publish(channel, data) {
      checkChannel(channel, config.limits);
      checkCarried("data", data);
      await channels.publish(channel, data, null);
    },
    log,
  };
}

/** Throws because of a connection that the store does not know. */
async function unknown({ complete }: ApiParts, id: string): Promise<never> {
  if (await complete()) throw new UnknownConnection(id);
  throw new EngineFailure("unavailable", `the store may have lost connection ${id}; its node restores it`);
}

/** Has it done by the node that serves the connection. Rejects for an unknown one. */
async function ask(parts: ApiParts, id: string, command: ServerCommand): Promise<void> {
  const holder = await parts.lines.holder(id);
  return holder === null ? unknown(parts, id) : tell(parts, holder, command);
}

/** `holder`: id of the record. */
async function tell({ directory }: ApiParts, holder: string, command: ServerCommand): Promise<void> {
  const done = await directory.command(holder, { op: "server", command });
  if (done === GONE) throw new UnknownConnection(holder);
}

const disconnection = ({
  reason = "disconnected by the server",
  willRetry = false,
}: DisconnectOptions = {}): ServerCommand => {
  checkText("reason", reason);
  return { kind: "disconnect", reason, willRetry: Boolean(willRetry) };
};

function connectionsApi(parts: ApiParts): ConnectionsApi {
  const { engine, clock, directory, lines } = parts;
  const read = async (holder: string): Promise<ConnectionRecord | null> => {
    const state = await insist(clock, () => engine.readConnection(holder));
    const record = state && parseRecord(state.fields);
    return record && !record.ended ? record : null;
  };
  // As `authenticate` returned it, whatever JSON made of that.
  const ofIdentity = async (identity: Json) => lines.ofIdentity(throughJson(identity, "identity"));
  const api: ConnectionsApi = {
    async get(id) {
      const holder = await lines.holder(id);
      if (holder === null) return null;
      const session = directory.local.get(holder);
      if (session && !session.gone) return viewOf(session);
      const record = await read(holder);
      return record && viewOfRecord(holder, record);
    },
    async send(id, message) {
      checkMessage(message);
      const payload = JSON.stringify({ context: "api", ...message });
      const publisher = { id: "server", fence: 0, key: newKey() };
      const append = { payload, from: null, kind: "message", publisher, requires: "held" } as const;
      const { outcome } = await insist(clock, () => engine.append(lineTopic(id), append));
      if (outcome !== "stored") await unknown(parts, id);
    },
    async sendToIdentity(identity, message) {
      checkMessage(message);
      return each(await ofIdentity(identity), async (holder) => {
        const line = (await read(holder))?.line;
        if (!line) throw new UnknownConnection(holder);
        await api.send(line.id, message);
      });
    },
    disconnect: async (id, options) => ask(parts, id, disconnection(options)),
    async disconnectIdentity(identity, options) {
      const command = disconnection(options);
      // Also those that have no line yet.
      return each(await ofIdentity(identity), (holder) => tell(parts, holder, command));
    },
    local: () =>
      [...directory.local.values()].filter(({ record }) => record.line !== null && !record.ended).map(viewOf),
  };
  return api;
}

function roomsApi(parts: ApiParts): RoomsApi {
  const { rooms } = parts;
  const moving =
    (kind: "add" | "remove" | "listen" | "silence") =>
    async (id: string, room: string): Promise<void> => {
      checkRoom(room);
      await ask(parts, id, { kind, room });
    };
  return {
    async broadcast(room, message, { from } = {}) {
      checkRoom(room);
      checkText("from", from);
      checkCarried("message", message);
      await rooms.broadcast(room, from ?? null, message);
    },
    async members(room, { after, limit = MEMBERS_PAGE } = {}) {
      checkRoom(room);
      checkText("after", after);
      checkLimit(limit);
      return rooms.view(room, after ?? null, Math.floor(limit));
    },
    add: moving("add"),
    remove: moving("remove"),
    listen: moving("listen"),
    silence: moving("silence"),
  };
}

/** Does it for each; how many there were. One that went meanwhile does not count. */
async function each(ids: readonly string[], act: (id: string) => Promise<void>): Promise<number> {
  const done = await Promise.all(
    ids.map((id) =>
      act(id).then(
        () => 1,
        (failed: unknown) => {
          if (failed instanceof UnknownConnection) return 0;
          throw failed;
        },
      ),
    ),
  );
  return done.reduce<number>((sum, one) => sum + one, 0);
}
