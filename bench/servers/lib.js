import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createServer as createSecureServer } from "node:https";
import { observe, observed } from "./pauses.js";

const { TLS_KEY_FILE, TLS_CERT_FILE, DEFLATE } = process.env;

/** Key and certificate; undefined where nothing is to be secured. */
export const tls = TLS_KEY_FILE && { key: readFileSync(TLS_KEY_FILE), cert: readFileSync(TLS_CERT_FILE) };

/** Whether WebSockets are to be compressed. */
export const deflate = DEFLATE === "true";

export const webServer = () => (tls ? createSecureServer(tls) : createServer());

/** Listens, and tells the bench where. */
export function listen(server) {
  server.listen(0, "127.0.0.1", () => serving(server.address().port));
}

/** Tells the bench where it listens, does what it is asked for, and ends with the bench. */
export function serving(port, collect = globalThis.gc) {
  const answers = { collect, observe, observed };
  process.on("message", (wish) => process.send(answers[wish]() ?? {}));
  process.on("disconnect", () => process.exit());
  process.send({ port });
}

/** The room that a request asks for, of as many as there are: `/7`. */
export function roomOf(rooms, url) {
  let room = rooms.get(url);
  if (room === undefined) {
    room = new Set();
    rooms.set(url, room);
  }
  return room;
}

/** A connection begins with this word: it is usable, and in the room. */
export const WELCOME = "welcome";
/** A text that begins with this is said in the room; any other is a request, and comes back. */
export const SAY = "s";
