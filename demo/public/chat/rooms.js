import { recall, remember } from "./memory.js";

const KEPT = 500;
const SUGGESTED = ["coffee", "workshop"];

/** Every room this page knows: what was heard in it, whether it is listened to, what is unread. */
export function createRooms() {
  const rooms = new Map();
  let current = null;

  function get(name) {
    let room = rooms.get(name);
    if (room === undefined) {
      room = { name, items: [], unread: 0, listening: false, visited: false };
      rooms.set(name, room);
    }
    return room;
  }

  const save = () => remember("actionwire.rooms", [...rooms.keys()].slice(0, 30));

  for (const name of recall("actionwire.rooms", SUGGESTED)) get(String(name));

  return {
    get,
    get current() {
      return current;
    },
    /** In the order they became known, the default room first. */
    list: (first) => [...rooms.values()].sort((a, b) => Number(b.name === first) - Number(a.name === first)),
    listened: () => [...rooms.values()].filter((room) => room.listening),
    unread: () => [...rooms.values()].reduce((sum, room) => sum + room.unread, 0),
    select(name) {
      current = get(name);
      current.unread = 0;
      save();
      return current;
    },
    forget(name) {
      if (current?.name !== name) rooms.delete(name);
      save();
    },
    add(room, item) {
      room.items.push(item);
      if (room.items.length > KEPT) room.items.splice(0, room.items.length - KEPT);
    },
  };
}
