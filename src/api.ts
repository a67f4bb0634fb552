/** What actions and hooks see of the server. Types only; the parts are built by their own modules and wired in `server.ts`. */

import type { ActionInfo } from "./actions/action-info.ts";
import type { TransportName } from "./bayeux/transport-name.ts";
import type { Config } from "./config/declaration.ts";
import type { Json, Log } from "./ports.ts";

/** What application code sees of whoever calls: a connected client, or one HTTP request. */
export interface Connection {
  /** UUID v4, public: shown to other members. */
  readonly id: string;
  /** Always `webSocket` for a connected client, whatever transport carries it; `web` for one HTTP request to an action. */
  readonly type: "webSocket" | "web";
  readonly transport: TransportName | "http";
  readonly remoteIP: string;
  readonly remotePort: number;
  /** Milliseconds since 1970. */
  readonly connectedAt: number;
  /** The room it speaks in. */
  readonly room: string | null;
  readonly listeningRooms: readonly string[];
  /** What the `authenticate` hook returned; null when anonymous. */
  readonly identity: Json;
  /** The application's own state, the same on every node. Setting a value that JSON cannot carry throws a TypeError. */
  data: Record<string, unknown>;
  readonly totalActions: number;
  readonly pendingActions: number;
  /** Parameters of the last action. */
  readonly params: Readonly<Record<string, unknown>>;
}

export interface MemberView {
  readonly id: string;
  /** Milliseconds since 1970. */
  readonly joinedAt: number;
  /** `away`: gone for the moment, still able to resume. */
  readonly state: "online" | "away";
}

export interface RoomView {
  readonly room: string;
  readonly members: Readonly<Record<string, MemberView>>;
  readonly membersCount: number;
  /** Present when there are more: pass it as `after`. */
  readonly next?: string;
}

export interface DisconnectOptions {
  readonly reason?: string;
  /** True: the client is told to come back. Default false. */
  readonly willRetry?: boolean;
}

/** Arguments that are none reject with a TypeError that names them; so in everything below. */
export interface ConnectionsApi {
  /** A connection on any node; null when there is none with this id. */
  get(id: string): Promise<Connection | null>;
  /** Resolves when stored; rejects for an unknown connection. Reaches the client as `{ context: "api", …message }`. */
  send(id: string, message: Record<string, unknown>): Promise<void>;
  sendToIdentity(identity: Json, message: Record<string, unknown>): Promise<number>;
  disconnect(id: string, options?: DisconnectOptions): Promise<void>;
  disconnectIdentity(identity: Json, options?: DisconnectOptions): Promise<number>;
  /** Connections served by this node. */
  local(): readonly Connection[];
}

export interface RoomsApi {
  /** Resolves when stored. `from` is told to members as the speaker; null without it. */
  broadcast(room: string, message: unknown, options?: { from?: string }): Promise<void>;
  members(room: string, options?: { after?: string; limit?: number }): Promise<RoomView>;
  /** Makes it the room the connection speaks in. */
  add(id: string, room: string): Promise<void>;
  remove(id: string, room: string): Promise<void>;
  listen(id: string, room: string): Promise<void>;
  silence(id: string, room: string): Promise<void>;
}

export interface Api {
  /** Id of this node, unique to this run of the process. */
  readonly id: string;
  readonly config: Config;
  /** The traditional name of `config`, with `defaultChatRoom` beside the blocks. */
  readonly configData: Config & { readonly defaultChatRoom: string };
  readonly connections: ConnectionsApi;
  readonly rooms: RoomsApi;
  readonly actions: { list(): readonly ActionInfo[] };
  /** Publishes on a plain Bayeux channel. Resolves when stored. */
  publish(channel: string, data: unknown): Promise<void>;
  readonly log: Log;
}
