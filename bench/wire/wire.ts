import type { Door } from "../lib/dial.ts";
import type { Receiver } from "../lib/flow.ts";

/** A connection that is usable, and in the room. */
export interface Client {
  /** Gets the number of each text that comes. */
  receiver: Receiver | null;
  /** Says a text in the room; all others get it. */
  say(text: string): void;
  /** Asks for an action that answers with the same text. */
  act(text: string): void;
  /** Cuts the connection, without a word. */
  close(): void;
  /** Comes back after that, where it can. Resolves when it is usable; what it missed may still be on its way. */
  back?(door: Door): Promise<void>;
}

/** How a client of some kind speaks. Rooms have numbers; 0 is where everybody is who wants nothing else. */
export interface Wire {
  /** Who comes back gets what was said meanwhile. */
  readonly keeps?: true;
  open(door: Door, room: number): Promise<Client>;
}
