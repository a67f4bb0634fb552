import { type FayeClient, type FayeSocket, type FayeTransport, internals } from "./faye.ts";

const DISCONNECTED = 4;
const OPEN = 1;
const nothing = (): void => {};

/**
 * Makes a Faye client object stop for good, at once: no message, no timer, no socket of it goes on.
 *
 * Faye's own `disconnect` will not do: it wants an answer from a server that is perhaps not there, keeps its envelopes' timers,
 * and closes a socket by waiting (30 to 60 s) for the peer to agree.
 */
export function silence(client: FayeClient, sockets: ReadonlySet<FayeSocket>): void {
  const inside = internals(client);
  // Both keep `connect` and `handshake` from doing anything when a timer of the client itself calls them.
  inside._state = DISCONNECTED;
  if (inside._advice) inside._advice.reconnect = "none";
  inside._responseCallbacks?.clear();
  client.removeAllListeners();

  const dispatcher = inside._dispatcher;
  if (dispatcher) {
    dispatcher.sendMessage = nothing;
    dispatcher._sendEnvelope = nothing;
    dispatcher.handleResponse = nothing;
    dispatcher.handleError = nothing;
    dispatcher.selectTransport = nothing;
    dispatcher.removeAllListeners?.();

    const transport = dispatcher._transport;
    // A JSON-P request is a script that will call its callback: taking that away would be an error in the page.
    const abort = transport?.connectionType !== "callback-polling";
    dispatcher._envelopes?.forEach((envelope) => {
      if (envelope.timer) clearTimeout(envelope.timer);
      if (abort) envelope.request?.then((request) => request?.abort?.(), nothing);
    });
    dispatcher._envelopes?.clear();

    if (transport) quiet(transport);
    for (const type of Object.keys(dispatcher.transports ?? {})) {
      dispatcher.transports?.[type]?.forEach(quiet);
    }
  }
  sockets.forEach(drop);
}

function quiet(transport: FayeTransport): void {
  transport.removeAllTimeouts?.();
  transport._createSocket = () => undefined;
  // An event stream: its `close` takes the handlers off first. A WebSocket is among `sockets`.
  if (transport.connectionType !== "websocket") transport.close?.();
  else if (transport._socket) drop(transport._socket);
}

/** Closes without waiting for the peer. */
function drop(socket: FayeSocket): void {
  socket.onopen = socket.onclose = socket.onerror = socket.onmessage = null;
  const opened = socket.readyState === OPEN;
  try {
    socket.close();
    // In Node: without this the socket lingers for up to 30 s, waiting for the peer's close frame.
    if (opened) socket._stream?.destroySoon();
    else socket._stream?.destroy();
  } catch {
    // A socket that never opened may refuse to be closed. It is nobody's any more.
  }
}
