/** How what a session is owed is written (docs/protocol.md §6): for clients of ours with positions, for others as the data alone. */
import type { Entry, Position } from "../engine/contract.ts";
import { formatPosition } from "../engine/contract.ts";
import type { Replica, Shared } from "../hub/replica.ts";

/** The constant channel of everything on our own client's line; its extension puts the line's in its place. */
export const OUR_CHANNEL = "/actionwire";
export const LINE_PREFIX = "/client/websocket/connection/";

/** What a verb's reply does to the reader's positions (docs/protocol.md §6). */
export interface Moves {
  readonly joined?: {
    readonly topic: string;
    readonly position: string;
    readonly last?: number;
    readonly room: string;
  };
  readonly left?: string;
}

export function ourReply(data: string, moves: Moves | undefined): string {
  const ext = moves ? `,"ext":{"actionwire":${JSON.stringify(moves)}}` : "";
  return `{"channel":"${OUR_CHANNEL}","data":${data}${ext}}`;
}

/** The data of a gap notice. `missed`: null when nobody knows how many. */
export function gapOf(topic: string, missed: number | null): string {
  return JSON.stringify({ context: "api", gap: { ...subject(topic), missed } });
}

export function ourGap(topic: string, gap: string, position: Position): string {
  return `{"channel":"${OUR_CHANNEL}","data":${gap},"ext":${placed(topic, position)}}`;
}

/**
 * What all clients of ours that stand at `after` get of a topic up to `head`: written once, and kept with a replica that several read. Null above
 * `budget` characters.
 */
export function sharedAfter(
  replica: Replica,
  head: Position,
  after: Position,
  budget: number,
): Shared | null {
  const { shared } = replica;
  if (shared !== null && shared.upTo === head && shared.after === after.offset) return shared;
  const texts: string[] = [];
  const from = new Set<string>();
  let length = 0;
  for (let index = replica.indexAfter(after); ; index += 1) {
    const entry = replica.at(index);
    if (entry === undefined) break;
    if (entry.from !== null) from.add(entry.from);
    const text = ourEntry(replica.topic, entry, at(head.epoch, entry));
    length += text.length;
    texts.push(text);
  }
  if (length > budget) return null;
  const written = { after: after.offset, upTo: head, from, texts };
  if (replica.followers.size > 1) replica.shared = written;
  return written;
}

const at = (epoch: string, entry: Entry): Position => ({ epoch, offset: entry.offset, count: entry.count });

/** Where a client of ours is after this, in the `ext` of what it is sent. */
function placed(topic: string, position: Position): string {
  return `{"actionwire":{"topic":${JSON.stringify(topic)},"position":"${formatPosition(position)}"}}`;
}

/** Entries of plain channels are stored as whole messages, those of rooms and lines as their data. */
export function ourEntry(topic: string, entry: Entry, position: Position): string {
  const ext = placed(topic, position);
  const { payload } = entry;
  if (!topic.startsWith("channel:")) return `{"channel":"${OUR_CHANNEL}","data":${payload},"ext":${ext}}`;
  // Names of channels need no escaping.
  const named = payload.indexOf('"', '{"channel":"'.length) + 1;
  if (!payload.startsWith(',"ext":', named)) return `${payload.slice(0, -1)},"ext":${ext}}`;
  const message = JSON.parse(payload) as { ext: object };
  return JSON.stringify({ ...message, ext: { ...message.ext, ...(JSON.parse(ext) as object) } });
}

/** What a gap notice is about, in the client's words. */
function subject(topic: string): Record<string, string | null> {
  const name = topic.slice(topic.indexOf(":") + 1);
  if (topic.startsWith("room:")) return { room: name };
  if (topic.startsWith("channel:")) return { room: null, channel: name };
  return { room: null };
}
