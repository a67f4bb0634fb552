const ROOM_BYTES = 255;

/** Whether this can be the name of a room. */
export const isRoomName = (name: unknown): name is string =>
  typeof name === "string" && name !== "" && Buffer.byteLength(name) <= ROOM_BYTES;
