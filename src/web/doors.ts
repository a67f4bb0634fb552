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
  /** Is there somebody behind us to whom what is not ours can be passed? */
  readonly shared: boolean;
  /** Lets those who were there before us answer. */
  pass(request: IncomingMessage, response: ServerResponse): void;
  /** Takes our doors off; with the last of them the server is given back as it was. */
  close(): void;
}

/** What stands before one server: doors, the latest first, and behind them the listeners that were there before. */
interface Front {
  readonly doors: DoorOptions[];
  readonly requests: readonly OnRequest[];
  close(): void;
}

const fronts = new WeakMap<Server, Front>();

/** Takes off the listeners that are there, to call them for what is no door's. */
const buildFront = (server: Server): Front => {
  // Raw, so that a listener added with `once` stays one.
  const requests = server.rawListeners("request") as OnRequest[];
  const upgrades = server.rawListeners("upgrade") as OnUpgrade[];
  server.removeAllListeners("request").removeAllListeners("upgrade");
  const doors: DoorOptions[] = [];

  const bayeuxOf = ({ url }: IncomingMessage) => doors.find(({ isBayeux }) => isBayeux(url))?.bayeux;
  const onRequest: OnRequest = (request, response) => {
    const bayeux = bayeuxOf(request);
    if (bayeux) bayeux.request(request, response);
    else doors[0]?.http(request, response);
  };
  const onUpgrade: OnUpgrade = (request, socket, head) => {
    const bayeux = bayeuxOf(request);
    if (bayeux) return bayeux.upgrade(request, socket, head);
    for (const listener of upgrades) listener.call(server, request, socket, head);
    // Listeners that came after us are called by the server itself.
    if (upgrades.length === 0 && server.listenerCount("upgrade") === 1) refuseUpgrade(socket);
  };
  server.on("request", onRequest).on("upgrade", onUpgrade);

  return {
    doors,
    requests,
    close() {
      server.removeListener("request", onRequest).removeListener("upgrade", onUpgrade);
      for (const listener of requests.toReversed()) server.prependListener("request", listener);
      for (const listener of upgrades.toReversed()) server.prependListener("upgrade", listener);
    },
  };
};

/**
 * Puts our doors on a server. Listeners that were there are called for what is not ours: two listeners that both answer one
 * request, or one that refuses every upgrade it does not know, would break each other. Several may have doors on one server.
 */
export const openDoors = (server: Server, own: DoorOptions): Doors => {
  const front = fronts.get(server) ?? buildFront(server);
  fronts.set(server, front);
  const { doors, requests } = front;
  doors.unshift(own);
  const next = () => doors[doors.indexOf(own) + 1];
  return {
    get shared() {
      return next() !== undefined || requests.length > 0;
    },
    pass(request, response) {
      const behind = next();
      if (behind) return behind.http(request, response);
      for (const listener of requests) listener.call(server, request, response);
    },
    close() {
      doors.splice(doors.indexOf(own), 1);
      if (doors.length > 0) return;
      fronts.delete(server);
      front.close();
    },
  };
};
