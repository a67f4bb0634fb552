/** Run by Bun: its own WebSocket server (uWebSockets) and its own rooms. */
import { deflate, SAY, serving, tls, WELCOME } from "./lib.js";

const { Bun } = globalThis;
const server = Bun.serve({
  port: 0,
  hostname: "127.0.0.1",
  tls,
  fetch: (request, self) =>
    self.upgrade(request, { data: new URL(request.url).pathname })
      ? undefined
      : new Response(null, { status: 426 }),
  websocket: {
    perMessageDeflate: deflate,
    open(socket) {
      socket.subscribe(socket.data);
      socket.send(WELCOME);
    },
    message(socket, text) {
      if (text[0] === SAY) socket.publish(socket.data, text, deflate);
      else socket.send(text);
    },
  },
});
serving(server.port, () => Bun.gc(true));
