import { type Action, createRunner, type Runner } from "../../src/actions/index.ts";
import type { Api, Connection } from "../../src/api.ts";
import type { ConfigInput } from "../../src/config/index.ts";
import { resolveConfig } from "../../src/config/index.ts";
import type { Hooks } from "../../src/hooks.ts";
import type { Log } from "../../src/ports.ts";

export interface Line {
  readonly level: string;
  readonly fields: Readonly<Record<string, unknown>>;
  readonly message: string;
}

/** A log that keeps its lines. */
export const keptLog = (): Log & { readonly lines: Line[] } => {
  const lines: Line[] = [];
  const at = (level: string) => (fields: object, message: string) => {
    lines.push({ level, fields: fields as Record<string, unknown>, message });
  };
  return { lines, debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
};

export const aConnection = (): Connection => ({
  id: "5f0c7f6e-0c5c-4f0e-9d7c-0f3f0c8d1a11",
  type: "webSocket",
  transport: "websocket",
  remoteIP: "127.0.0.1",
  remotePort: 1,
  connectedAt: 0,
  room: "defaultRoom",
  listeningRooms: [],
  identity: null,
  data: {},
  totalActions: 0,
  pendingActions: 0,
  params: {},
});

/** An api of which the test at hand uses nothing. */
export const anApi = (): Api => ({ id: "node-1" }) as Api;

export interface Bench {
  readonly runner: Runner;
  readonly lines: Line[];
  ask(
    action: unknown,
    params?: Record<string, unknown>,
    more?: { signal?: AbortSignal; idempotencyKey?: string },
  ): ReturnType<Runner["run"]>;
}

export const bench = (actions: readonly Action[], hooks: Hooks = {}, config: ConfigInput = {}): Bench => {
  const log = keptLog();
  const runner = createRunner({ actions, hooks, config: resolveConfig(config), log });
  return {
    runner,
    lines: log.lines,
    ask: (action, params = {}, more = {}) =>
      runner.run({ action, params, connection: aConnection(), api: anApi(), ...more }),
  };
};
