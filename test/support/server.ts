import type { ConfigInput } from "../../src/config/index.ts";
import type { Log } from "../../src/ports.ts";
import { type ActionwireServer, createServer, type ServerOptions } from "../../src/server.ts";
import { type Collector, collector } from "./collector.ts";

export interface Logged {
  readonly level: "debug" | "info" | "warn" | "error";
  readonly fields: object;
  readonly message: string;
}

/** A server of this process, listening on a port of its own. */
export interface TestServer extends ActionwireServer {
  readonly port: number;
  readonly url: string;
  /** What it logged; nothing is written anywhere. */
  readonly logged: Collector<Logged>;
  /** Stops without waiting for anybody. */
  close(): Promise<void>;
}

function logInto(logged: Collector<Logged>): Log {
  const at = (level: Logged["level"]) => (fields: object, message: string) =>
    logged.push({ level, fields, message });
  return { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") };
}

/** On 127.0.0.1 and a free port, whatever the environment says; the rest is as the configuration given has it. */
function local(config: ConfigInput = {}): ConfigInput {
  const web = { port: 0, bindIP: "127.0.0.1", ...config.servers?.web };
  return { ...config, servers: { ...config.servers, web } };
}

/** Starts a server in this process. For an existing http server (`options.server`) that one must listen already. */
export async function startServer(options: ServerOptions = {}): Promise<TestServer> {
  const logged = collector<Logged>();
  const server = createServer({ env: {}, log: logInto(logged), ...options, config: local(options.config) });
  await server.start();
  const address = server.address();
  if (address === null) throw new Error("the server started, but does not listen");
  const scheme = server.config.servers.web.secure ? "https" : "http";
  return {
    ...server,
    port: address.port,
    url: `${scheme}://127.0.0.1:${address.port}`,
    logged,
    close: () => server.stop({ bound: 0 }),
  };
}
