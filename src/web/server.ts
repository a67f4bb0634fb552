import { readFileSync, unwatchFile, watchFile } from "node:fs";
import http from "node:http";
import https from "node:https";
import type { Socket } from "node:net";
import type { Config } from "../config/declaration.ts";
import type { Log } from "../ports.ts";

export type Server = http.Server | https.Server;

/** A server of ours, and what keeping it costs. */
export interface OwnServer {
  readonly server: Server;
  /** After it failed, or once it is closed, it may be called again. */
  listen(): Promise<void>;
  /** Stops accepting, lets requests under way finish, destroys what is left after `bound` ms. */
  close(bound: number): Promise<void>;
}

/** How often the TLS files are looked at. Polling, because it also sees the swapped symlinks of mounted secrets. */
const WATCH_MS = 2_000;

const credentials = (keyFile: string, certFile: string) => ({
  key: readFileSync(keyFile),
  cert: readFileSync(certFile),
});

const readCredentials = (keyFile: string, certFile: string) => {
  try {
    return credentials(keyFile, certFile);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw new Error(
      `the TLS key or certificate cannot be read ("servers.web.keyFile", "servers.web.certFile"): ${why}`,
      {
        cause: error,
      },
    );
  }
};

/** Follows the files; a pair that does not fit (one of two was written) is left alone until it does. */
const followFiles = (server: https.Server, keyFile: string, certFile: string, log: Log): (() => void) => {
  const reload = () => {
    try {
      server.setSecureContext(credentials(keyFile, certFile));
      log.info({ certFile }, "TLS key and certificate were read again");
    } catch (err) {
      log.warn({ err, certFile }, "TLS key and certificate changed but cannot be used; the former ones stay");
    }
  };
  for (const file of [keyFile, certFile]) watchFile(file, { interval: WATCH_MS, persistent: false }, reload);
  return () => {
    for (const file of [keyFile, certFile]) unwatchFile(file, reload);
  };
};

/** Until when a request must have come in. None of these is about the answer: a held poll is not touched by them. */
const patience = ({ limits }: Config): http.ServerOptions => ({
  headersTimeout: Math.min(limits.headersTimeout, limits.requestTimeout) * 1000,
  requestTimeout: limits.requestTimeout * 1000,
  keepAliveTimeout: limits.keepAliveTimeout * 1000,
  // Node looks only every 30 s by itself, which makes shorter bounds untrue.
  connectionsCheckingInterval: 2_000,
});

/** `follow` begins to follow the TLS files, and returns how to end that. */
const build = (config: Config, log: Log): { server: Server; follow: () => () => void } => {
  const { secure, keyFile, certFile } = config.servers.web;
  const bounds = patience(config);
  if (!secure || keyFile === null || certFile === null) {
    return { server: http.createServer(bounds), follow: () => () => {} };
  }
  const server = https.createServer({ ...bounds, ...readCredentials(keyFile, certFile) });
  return { server, follow: () => followFiles(server, keyFile, certFile, log) };
};

/** @throws {Error} when the TLS files cannot be read */
export const ownServer = (config: Config, log: Log): OwnServer => {
  const { server, follow } = build(config, log);
  let unfollow = (): void => {};

  // The server forgets sockets that were upgraded, but waits for them when it closes.
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });

  return {
    server,
    listen: () =>
      new Promise((resolve, reject) => {
        server.once("error", reject);
        server.listen({ port: config.servers.web.port, host: config.servers.web.bindIP }, () => {
          server.removeListener("error", reject);
          unfollow = follow();
          resolve();
        });
      }),
    async close(bound) {
      unfollow();
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      // Connections fall idle one after the other, as their answers end.
      const idle = setInterval(() => server.closeIdleConnections(), 50);
      server.closeIdleConnections();
      const timer = setTimeout(() => {
        for (const socket of sockets) socket.destroy();
      }, bound);
      await closed;
      clearInterval(idle);
      clearTimeout(timer);
    },
  };
};
