import { readFileSync } from "node:fs";
import { z } from "zod";

/**
 * The scripts by name: what they are handed and what they answer. The header of each file in lua/ says the same, and a test
 * holds the one to the other. What comes from Redis is taken for what it should be only after its schema has said so.
 */
interface Declaration {
  /** In the order of KEYS. */
  readonly keys: readonly string[];
  /** In the order of ARGV. */
  readonly args: readonly string[];
  /** More arguments follow: pairs of field and text. */
  readonly fields?: true;
  /** Whether being in doubt about it matters; what only reads is never unknown. */
  readonly reads?: true;
  readonly codes: readonly Code[];
  readonly reply: z.ZodType;
}

/** First word of an error that a script answers with. */
export type Code = "FENCED" | "OUTDATED" | "NOPERM";

const place = z.string().regex(/^[0-9a-f]{16} \d{1,15} \d{1,15}$/);
const flag = z.union([z.literal(0), z.literal(1)]);
const ok = z.literal("OK");
const flat = z.array(z.string());

const TOPIC = ["meta", "messages", "announcements"] as const;
const OPENS = ["server", "epoch"] as const;
const BOUNDS = ["maxMessages", "maxBytes", "maxAge"] as const;

export const SCRIPTS = {
  append: {
    keys: [...TOPIC, "line", "party", "channel"],
    args: [
      ...OPENS,
      ...BOUNDS,
      "kind",
      "from",
      "payload",
      "requires",
      "publishes",
      "fence",
      "act",
      "n",
      "key",
    ],
    codes: ["OUTDATED", "FENCED", "NOPERM"],
    reply: z.union([
      z.tuple([z.literal("stored"), place, flag]),
      z.tuple([z.literal("earlier_missing"), z.int()]),
      z.tuple([z.enum(["not_member", "not_held", "overtaken"])]),
    ]),
  },
  position: { keys: TOPIC, args: OPENS, reads: true, codes: ["OUTDATED"], reply: place },
  read: {
    keys: TOPIC,
    args: [...OPENS, "maxAge", "afterEpoch", "afterOffset", "afterCount", "limit"],
    reads: true,
    codes: ["OUTDATED"],
    reply: z.tuple([place, place, z.int()]).rest(z.union([z.string(), z.int()])),
  },
  join: {
    keys: [...TOPIC, "members", "infos", "party", "channel"],
    args: [...OPENS, ...BOUNDS, "id", "fence", "act", "info", "last", "announcement", "upTo", "from"],
    codes: ["OUTDATED", "FENCED", "NOPERM"],
    reply: z.tuple([place, flag, z.int(), z.int()]),
  },
  leave: {
    keys: [...TOPIC, "members", "infos", "line", "party", "channel"],
    args: [...OPENS, ...BOUNDS, "id", "fence", "act", "announcement", "upTo", "from"],
    codes: ["OUTDATED", "FENCED", "NOPERM"],
    reply: z.tuple([z.union([z.literal(""), place]), flag]),
  },
  update: {
    keys: [...TOPIC, "infos", "party"],
    args: [...OPENS, "id", "fence", "act", "info"],
    codes: ["OUTDATED", "FENCED"],
    reply: ok,
  },
  members: {
    keys: ["meta", "members", "infos"],
    args: ["server", "after", "limit"],
    reads: true,
    codes: ["OUTDATED"],
    reply: z.tuple([z.int()]).rest(z.string()),
  },
  hold: {
    keys: [...TOPIC, "line", "party"],
    args: [...OPENS, "id", "fence", "act", "proofs"],
    codes: ["OUTDATED", "FENCED"],
    reply: z.enum(["held", "refused"]),
  },
  release: {
    keys: [...TOPIC, "members", "line", "party"],
    args: [...OPENS, "id", "fence", "act"],
    codes: ["OUTDATED", "FENCED"],
    reply: ok,
  },
  holder: { keys: ["meta", "line"], args: ["server"], reads: true, codes: ["OUTDATED"], reply: z.string() },
  create: { keys: ["record", "removed"], args: ["owner"], fields: true, codes: [], reply: z.string() },
  restore: {
    keys: ["record", "acts", "removed"],
    args: ["owner", "fence"],
    fields: true,
    codes: [],
    reply: z.tuple([z.enum(["restored", "standing", "fenced"]), z.string(), z.int()]),
  },
  claim: {
    keys: ["record", "acts"],
    args: ["owner", "expect"],
    fields: true,
    codes: [],
    reply: z.union([
      z.tuple([z.enum(["claimed", "moved"]), z.string(), z.string(), flat]),
      z.tuple([z.literal("gone")]),
    ]),
  },
  write: { keys: ["record", "acts"], args: ["fence", "act"], fields: true, codes: ["FENCED"], reply: ok },
  remove: { keys: ["record", "acts", "removed"], args: ["fence"], codes: ["FENCED"], reply: z.string() },
  own: { keys: ["owned", "entries"], args: ["id", "fence"], codes: [], reply: ok },
  disown: {
    keys: ["owned", "entries", "inbox"],
    args: ["id", "fence", "age", "note"],
    codes: [],
    reply: flag,
  },
  lease: { keys: ["leases"], args: ["node", "ms", "unlessLonger"], codes: [], reply: flag },
  leases: {
    keys: ["leases"],
    args: [],
    reads: true,
    codes: [],
    reply: z.array(z.union([z.string(), z.int()])),
  },
  forget: { keys: ["leases"], args: ["node", "age"], codes: [], reply: ok },
  record: { keys: ["record"], args: [], reads: true, codes: [], reply: flat },
  probe: { keys: ["probe", "channel"], args: ["keys", "channels"], codes: ["NOPERM"], reply: ok },
} as const satisfies Record<string, Declaration>;

type Table = typeof SCRIPTS;
export type ScriptName = keyof Table;
export type ScriptKeys<S extends ScriptName> = Readonly<Record<Table[S]["keys"][number], string>>;
export type ScriptArgs<S extends ScriptName> = Readonly<Record<Table[S]["args"][number], string | number>>;
export type ScriptReply<S extends ScriptName> = z.output<Table[S]["reply"]>;

export const scriptNames = Object.keys(SCRIPTS) as ScriptName[];

/** The table without its literal types, for whoever goes through all of it. */
export const declarationOf = (name: ScriptName): Declaration => SCRIPTS[name];

const folder = new URL("./lua/", import.meta.url);

/** One file of lua/. */
export const luaSource = (file: string): string => readFileSync(new URL(file, folder), "utf8");

/** A part of lua/lib by its name. */
export type Parts = (part: string) => string;

export const ownParts: Parts = (part) => luaSource(`lib/${part}.lua`);

/** What is sent to Redis: the script's first line, the parts of lua/lib that its header says it uses, and the script. */
export function scriptText(name: ScriptName, parts: Parts): string {
  const source = luaSource(`${name}.lua`);
  const firstLine = source.slice(0, source.indexOf("\n"));
  const uses = /^-- uses: (.+)$/m.exec(source)?.[1]?.split(" ") ?? [];
  return [firstLine, ...uses.map(parts), source.slice(firstLine.length + 1)].join("\n");
}
