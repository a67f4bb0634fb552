/** Bare `ws`: a loop that sends to each member. */
import { WebSocketServer } from "ws";
import { roomOf, SAY, serving, WELCOME } from "./lib.js";

const server = new WebSocketServer({ port: 0, host: "127.0.0.1", perMessageDeflate: false });
const rooms = new Map();

server.on("connection", (socket, { url }) => {
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
server.on("listening", () => serving(server.address().port));
