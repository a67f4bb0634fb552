import { type FayeClient, type FayeSocket, type FayeTransport, internals } from "./faye.ts";
import { FAYE_ORDER } from "./policy.ts";

/** Calls `seen` with every socket that the client opens, from its creation on. */
export function watchSockets(client: FayeClient, seen: (socket: FayeSocket) => void): void {
  const dispatcher = internals(client)._dispatcher;
  if (!dispatcher?.transports) return;
  // Faye keeps its WebSocket transports in this map, and creates a socket only after it has put one in.
  const sockets = new Map<string, FayeTransport>();
  const set = sockets.set.bind(sockets);
  sockets.set = (href, transport) => {
    const create = transport._createSocket;
    if (create) {
      transport._createSocket = () => {
        const socket = create.call(transport);
        if (socket) seen(socket);
        return socket;
      };
    }
    return set(href, transport);
  };
  dispatcher.transports.websocket = sockets;
}

/**
 * Leaves only the allowed transports and starts the handshake.
 *
 * Faye shakes hands over HTTP only (Bayeux's mandatory transports). Where no such transport is allowed, the wanted one is opened
 * first and the handshake goes over it; `failed` is told when none opens.
 *
 * @throws {Error} where none is allowed
 */
export function handshakeOver(
  client: FayeClient,
  allowed: readonly string[] | undefined,
  shaken: () => void,
  failed: () => void,
): void {
  if (allowed?.length === 0) throw new Error("there is none of them here");
  if (allowed) restricted(client, allowed, shaken, failed);
  else client.handshake(shaken);
}

function restricted(
  client: FayeClient,
  allowed: readonly string[],
  shaken: () => void,
  failed: () => void,
): void {
  // An event stream only brings messages: requests, the handshake among them, go beside it.
  const wanted = allowed.includes("eventsource") ? [...allowed, "long-polling"] : allowed;
  const { inPage, canPost } = surroundings(internals(client)._dispatcher?.endpoint?.href ?? "");
  const mandatory = wanted.some(
    (type) => (type === "long-polling" && canPost) || (type === "callback-polling" && inPage),
  );
  // Something that is always usable: Faye throws, where nobody can catch it, when nothing is.
  const last = inPage ? "callback-polling" : "long-polling";
  for (const type of ["in-process", ...FAYE_ORDER]) {
    if (!wanted.includes(type) && (mandatory || type !== last)) client.disable(type);
  }
  if (mandatory) client.handshake(shaken);
  else openFirst(client, wanted, last, shaken, failed);
}

function surroundings(url: string): { readonly inPage: boolean; readonly canPost: boolean } {
  const inPage = typeof location !== "undefined";
  return { inPage, canPost: !inPage || new URL(url, location.href).origin === location.origin };
}

/**
 * Those of the transports that there can be here at all, in the same order. `ownFaye`: the application brought a Faye, which in Node may
 * have been taught more than the package knows.
 */
export function transportsHere(all: readonly string[], url: string, ownFaye: boolean): readonly string[] {
  const { inPage, canPost } = surroundings(url);
  if (ownFaye && !inPage) return all.filter((type) => (FAYE_ORDER as readonly string[]).includes(type));
  const there: Readonly<Record<string, boolean>> = {
    websocket: !inPage || typeof WebSocket === "function",
    // Its requests go beside it.
    eventsource: canPost,
    "long-polling": canPost,
    "cross-origin-long-polling": inPage && !canPost,
    "callback-polling": inPage,
  };
  return all.filter((type) => there[type] === true);
}

function openFirst(
  client: FayeClient,
  wanted: readonly string[],
  last: string,
  shaken: () => void,
  failed: () => void,
): void {
  const dispatcher = internals(client)._dispatcher;
  const select = dispatcher?.selectTransport;
  if (!dispatcher || !select) {
    failed();
    return;
  }

  let current: FayeTransport | undefined;
  Object.defineProperty(dispatcher, "_transport", {
    configurable: true,
    get: () => current,
    set(transport: FayeTransport) {
      const first = current === undefined;
      if (!wanted.includes(transport.connectionType ?? "")) {
        failed();
        return;
      }
      current = transport;
      // Faye names the transport right after this assignment, and the handshake wants to know it.
      if (first) Promise.resolve().then(() => client.handshake(shaken));
    },
  });
  // The handshake would choose again, among the transports that are not allowed.
  dispatcher.selectTransport = () => {};
  select.call(dispatcher, [...wanted, last]);
}
