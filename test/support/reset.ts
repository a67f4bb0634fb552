import type { Socket } from "node:net";

/** Breaks a connection. What was ended already cannot be reset: Node would never let go of it, and spin when it exits. */
export function reset(socket: Socket): void {
  if (socket.writableEnded) socket.destroy();
  else socket.resetAndDestroy();
}
