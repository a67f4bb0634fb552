import type { Receiver } from "../lib/flow.ts";

/** A connection that is usable, and in the room. */
export interface Client {
  /** Gets the number of each text that comes. */
  receiver: Receiver | null;
  /** Says a text in the room; all others get it. */
  say(text: string): void;
  /** Asks for an action that answers with the same text. */
  act(text: string): void;
  close(): void;
}

/** How a client of some kind speaks. Rooms have numbers; 0 is where everybody is who wants nothing else. */
export interface Wire {
  open(port: number, room: number): Promise<Client>;
}
