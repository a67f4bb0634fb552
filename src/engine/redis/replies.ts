import { z } from "zod";
import type { ConnectionState, Entry, EntryKind, Position } from "../contract.ts";
import { malformed } from "./failures.ts";

/** `epoch offset count`; the scripts' schemas have looked at its shape. */
export function positionOf(place: string): Position {
  const [epoch, offset, count] = place.split(" ");
  return { epoch: epoch!, offset: Number(offset), count: Number(count) };
}

export const formatFrom = (from: string | null): string => JSON.stringify(from);

function fromOf(text: string): string | null | undefined {
  try {
    const from: unknown = JSON.parse(text);
    return from === null || typeof from === "string" ? from : undefined;
  } catch {
    return undefined;
  }
}

const isKind = (kind: unknown): kind is EntryKind => kind === "message" || kind === "announcement";

/** Of a stored entry: messages up to it, when, bytes up to it, from. */
const HEADER = /^(\d{1,15}) \d{1,15} \d{1,16} (.*)$/s;

/** `offset, kind, header, payload` over and over. */
export function entriesOf(flat: readonly (string | number)[]): Entry[] {
  const entries: Entry[] = [];
  for (let i = 0; i < flat.length; i += 4) {
    const offset = flat[i];
    const kind = flat[i + 1];
    const header = HEADER.exec(String(flat[i + 2]));
    const payload = flat[i + 3];
    const from = header ? fromOf(header[2]!) : undefined;
    if (!header || from === undefined || !isKind(kind)) throw malformed("read", true);
    if (typeof offset !== "number" || typeof payload !== "string") throw malformed("read", true);
    entries.push({ offset, count: Number(header[1]), kind, from, payload });
  }
  return entries;
}

/** Of a pushed entry: version, epoch, offset, count, kind, from. */
const PUSH = /^1 ([0-9a-f]{16}) (\d{1,15}) (\d{1,15}) (message|announcement) (.*)$/s;

/** null for what another version may have sent: the hole in the offsets will tell. */
export function pushOf(text: string): { epoch: string; entry: Entry } | null {
  const end = text.indexOf("\n");
  const header = PUSH.exec(text.slice(0, end));
  const from = header ? fromOf(header[5]!) : undefined;
  const kind = header?.[4];
  if (!header || from === undefined || !isKind(kind)) return null;
  const [offset, count] = [Number(header[2]), Number(header[3])];
  return { epoch: header[1]!, entry: { offset, count, kind, from, payload: text.slice(end + 1) } };
}

/** A field of the application's; what has no such sign is the engine's own. */
export const FIELD = ".";

const RECORD = z.looseObject({
  version: z.literal("1"),
  fence: z.string().regex(/^\d{1,15}$/),
  owner: z.string(),
});

/** Of a record's name and text, over and over. */
export function stateOf(flat: readonly string[]): ConnectionState {
  const own: [string, string][] = [];
  const fields: [string, string][] = [];
  for (let i = 0; i < flat.length; i += 2) {
    const [name, text] = [flat[i]!, flat[i + 1]!];
    if (name.startsWith(FIELD)) fields.push([name.slice(FIELD.length), text]);
    else own.push([name, text]);
  }
  const record = RECORD.safeParse(Object.fromEntries(own));
  if (!record.success) throw malformed("readConnection", true);
  return { fence: Number(record.data.fence), owner: record.data.owner, fields: Object.fromEntries(fields) };
}

const NOTE = z.union([
  z.tuple([z.literal(1), z.literal("claimed"), z.string(), z.int()]),
  z.tuple([z.literal(1), z.literal("message"), z.string(), z.string()]),
]);

/** What one node writes to another's inbox. */
export type Note = z.output<typeof NOTE>;

export const formatNote = (note: Note): string => JSON.stringify(note);

/** null for what another version may have sent. */
export function noteOf(text: string): Note | null {
  try {
    return NOTE.safeParse(JSON.parse(text)).data ?? null;
  } catch {
    return null;
  }
}
