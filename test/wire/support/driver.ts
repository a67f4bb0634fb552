import type { Message } from "./messages.ts";

/** What every client library can do, whatever it calls it. */
export interface Driver {
  /** The id that the server minted for this session's connection. */
  readonly connectionId: string;
  /** What detailsView should say it is carried by. */
  readonly transport: string;
  /** Resolves with the error of the reply (`403:…`), or null when it was successful. */
  subscribe(channel: string, heard: (data: Message) => void): Promise<string | null>;
  publish(channel: string, data: unknown): Promise<string | null>;
  /** Says goodbye, and leaves nothing open. */
  close(): Promise<void>;
}

export type OpenDriver = (base: string) => Promise<Driver>;
