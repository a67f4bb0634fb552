/** Tells the bench where it listens, forgets what nothing holds when asked to, and ends with the bench. */
export function serving(port, collect = globalThis.gc) {
  process.on("message", () => {
    collect();
    process.send({ collected: true });
  });
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
