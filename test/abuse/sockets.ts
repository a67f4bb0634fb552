import { WebSocket } from "ws";
import type { ServerProcess } from "../support/process.ts";
import { connect, handshake, lineOf, type Message, minted, subscribe } from "../wire/support/messages.ts";

export const open = (server: ServerProcess, options: object = {}): Promise<WebSocket> =>
  new Promise((done, failed) => {
    const socket = new WebSocket(`ws://127.0.0.1:${server.port}/faye`, {
      perMessageDeflate: false,
      ...options,
    });
    socket.once("open", () => done(socket));
    socket.once("error", failed);
    socket.on("error", () => {});
  });

/** In the default room, and heard of by nobody. `ext` of its handshake. */
export async function member(server: ServerProcess, ext: object = {}): Promise<WebSocket> {
  const socket = await open(server);
  const told = new Promise<Message>((done) =>
    socket.once("message", (data) => done((JSON.parse(String(data)) as Message[])[0]!)),
  );
  socket.send(JSON.stringify([handshake({ ext })]));
  const { clientId, connectionId } = minted(await told);
  socket.send(JSON.stringify([subscribe(clientId, lineOf(connectionId))]));
  socket.send(JSON.stringify([connect(clientId, { connectionType: "websocket", ext })]));
  return socket;
}
