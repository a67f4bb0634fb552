import { createAdapter } from "@socket.io/redis-adapter";
import { Redis } from "ioredis";
import { Server } from "socket.io";
import { deflate, listen, WELCOME, webServer } from "./lib.js";

const { REDIS_URL } = process.env;
const http = webServer();
const io = new Server(http, {
  perMessageDeflate: deflate,
  ...(REDIS_URL ? { adapter: createAdapter(new Redis(REDIS_URL), new Redis(REDIS_URL)) } : {}),
});

io.on("connection", (socket) => {
  const { room } = socket.handshake.query;
  socket.join(room);
  socket.on("say", (text) => socket.to(room).emit("say", text));
  socket.on("act", (text, done) => done(text));
  socket.emit(WELCOME);
});
listen(http);
