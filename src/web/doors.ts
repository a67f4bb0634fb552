import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import type { Server } from "./server.ts";

type OnRequest = (request: IncomingMessage, response: ServerResponse) => void;
type OnUpgrade = (request: IncomingMessage, socket: Duplex, head: Buffer) => void;

/** Where the Bayeux endpoint's requests go. */
export interface BayeuxDoors {
  request(request: IncomingMessage, response: ServerResponse): void;
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
}

const pathnameOf = (url = ""): string => {
  const end = url.search(/[?#]/);
  return end === -1 ? url : url.slice(0, end);
};

/** Bayeux is the mount and everything below it, but for the scripts that are served from there. */
export const bayeuxPath =
  (mount: string, isScript: (pathname: string) => boolean) =>
  (url: string | undefined): boolean => {
    const pathname = pathnameOf(url);
    return (pathname === mount || pathname.startsWith(`${mount}/`)) && !isScript(pathname);
  };

const refuseUpgrade = (socket: Duplex): void => {
  socket.on("error", () => socket.destroy());
  socket.end("HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", () =>
    socket.destroy(),
  );
};

export interface DoorOptions {
  readonly isBayeux: (url: string | undefined) => boolean;
  readonly bayeux: BayeuxDoors;
  /** What is not Bayeux. */
  readonly http: OnRequest;
}

export interface Doors {
  /** Did others listen for requests before us? */
  readonly shared: boolean;
  /** Lets those who were there before us answer. */
  pass(request: IncomingMessage, response: ServerResponse): void;
  /** Takes our listeners off, and gives the server back as it was. */
  close(): void;
}

/**
 * Puts our listeners on a server. Those that were there are taken off and called for what is not ours: two listeners
 * that both answer one request, or one that refuses every upgrade it does not know, would break each other.
 */
export const openDoors = (server: Server, { isBayeux, bayeux, http }: DoorOptions): Doors => {
  // Raw, so that a listener added with `once` stays one.
  const requests = server.rawListeners("request") as OnRequest[];
  const upgrades = server.rawListeners("upgrade") as OnUpgrade[];
  server.removeAllListeners("request").removeAllListeners("upgrade");

  const onRequest: OnRequest = (request, response) => {
    if (isBayeux(request.url)) bayeux.request(request, response);
    else http(request, response);
  };
  const onUpgrade: OnUpgrade = (request, socket, head) => {
    if (isBayeux(request.url)) return bayeux.upgrade(request, socket, head);
    for (const listener of upgrades) listener.call(server, request, socket, head);
    // Listeners that came after us are called by the server itself.
    if (upgrades.length === 0 && server.listenerCount("upgrade") === 1) refuseUpgrade(socket);
  };
  server.on("request", onRequest).on("upgrade", onUpgrade);

  return {
    shared: requests.length > 0,
    pass(request, response) {
      for (const listener of requests) listener.call(server, request, response);
    },
    close() {
      server.removeListener("request", onRequest).removeListener("upgrade", onUpgrade);
      for (const listener of requests.toReversed()) server.prependListener("request", listener);
      for (const listener of upgrades.toReversed()) server.prependListener("upgrade", listener);
    },
  };
};
