import { createServer } from "node:http";
import { createAdapter } from "@socket.io/redis-adapter";
import { Redis } from "ioredis";
import { Server } from "socket.io";
import { serving, WELCOME } from "./lib.js";

const { REDIS_URL } = process.env;
const http = createServer();
const io = new Server(
  http,
  REDIS_URL ? { adapter: createAdapter(new Redis(REDIS_URL), new Redis(REDIS_URL)) } : {},
);

io.on("connection", (socket) => {
  const { room } = socket.handshake.query;
  socket.join(room);
  socket.on("say", (text) => socket.to(room).emit("say", text));
  socket.on("act", (text, done) => done(text));
  socket.emit(WELCOME);
});
http.listen(0, "127.0.0.1", () => serving(http.address().port));
