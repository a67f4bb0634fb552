/** Bare `ws`: a loop that sends to each member. */
import { WebSocketServer } from "ws";
import { deflate, listen, roomOf, SAY, WELCOME, webServer } from "./lib.js";

const server = webServer();
const sockets = new WebSocketServer({ server, perMessageDeflate: deflate });
const rooms = new Map();

sockets.on("connection", (socket, { url }) => {
  const members = roomOf(rooms, url);
  members.add(socket);
  socket.on("close", () => members.delete(socket));
  socket.on("message", (data) => {
    const text = data.toString();
    if (text[0] !== SAY) return socket.send(text);
    for (const member of members) if (member !== socket) member.send(text);
  });
  socket.send(WELCOME);
});
listen(server);
