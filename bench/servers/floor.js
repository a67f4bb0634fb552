/**
 * As little as Node can do: connections of `ws`, each frame built once, one write per socket and turn of the event loop. With a
 * REDIS_URL what is said goes to all nodes. Compressed frames do not refer to earlier ones, and so they are built once, too.
 */
import { randomUUID } from "node:crypto";
import { constants, deflateRawSync } from "node:zlib";
import { Redis } from "ioredis";
import { Sender, WebSocketServer } from "ws";
import { deflate, listen, roomOf, SAY, WELCOME, webServer } from "./lib.js";

/** A member is the stream of its connection and the `id` of who it is, a room is a set of them, by the path asked for. */
const rooms = new Map();
/** What was said in this turn, by room; and what was answered, by stream. */
let said = new Map();
let answers = new Map();
let scheduled = false;

const deflated = (data) => deflateRawSync(data, { finishFlush: constants.Z_SYNC_FLUSH }).subarray(0, -4);

function frameOf(data) {
  const options = { fin: true, opcode: 1, mask: false, rsv1: deflate, readOnly: true };
  return Buffer.concat(Sender.frame(deflate ? deflated(data) : data, options));
}

const joined = (frames) => (frames.length === 1 ? frames[0] : Buffer.concat(frames));

function flush() {
  for (const [room, says] of said) {
    const all = joined(says.map(({ frame }) => frame));
    const speakers = new Set(says.map(({ from }) => from));
    for (const { id, stream } of roomOf(rooms, room)) {
      if (!speakers.has(id)) stream.write(all);
      else stream.write(Buffer.concat(says.filter(({ from }) => from !== id).map(({ frame }) => frame)));
    }
  }
  for (const [stream, frames] of answers) stream.write(joined(frames));
  said = new Map();
  answers = new Map();
  scheduled = false;
}

function later(lists, key, one) {
  const list = lists.get(key);
  if (list) list.push(one);
  else lists.set(key, [one]);
  if (scheduled) return;
  scheduled = true;
  setImmediate(flush);
}

let say = (room, from, data) => later(said, room, { from, frame: frameOf(data) });

if (process.env.REDIS_URL) {
  const hear = say;
  const publisher = new Redis(process.env.REDIS_URL);
  const subscriber = new Redis(process.env.REDIS_URL);
  await subscriber.subscribe("said");
  subscriber.on("message", (_channel, text) => {
    const [room, from, data] = text.split(" ", 3);
    hear(room, from, data);
  });
  say = (room, from, data) => publisher.publish("said", `${room} ${from} ${data}`);
}

const server = webServer();
const sockets = new WebSocketServer({
  server,
  perMessageDeflate: deflate && { serverNoContextTakeover: true },
});
sockets.on("connection", (socket, { url, socket: stream }) => {
  const id = randomUUID();
  const member = { id, stream };
  const members = roomOf(rooms, url);
  members.add(member);
  socket.on("close", () => members.delete(member));
  socket.on("message", (data) => {
    if (data[0] === SAY.charCodeAt(0)) say(url, id, data);
    else later(answers, stream, frameOf(data));
  });
  socket.send(WELCOME);
});
listen(server);
