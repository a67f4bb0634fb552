import { z } from "zod";

const INFO = z.object({
  redis_version: z.string().regex(/^\d+\./),
  redis_mode: z.string().default("standalone"),
  run_id: z.string().min(1),
  role: z.string(),
  master_replid2: z.string().min(1),
  used_memory: z.coerce.number(),
  maxmemory: z.coerce.number(),
  maxmemory_policy: z.string(),
});

export type ServerInfo = z.output<typeof INFO>;

/** Which sections of INFO that takes. */
export const INFO_SECTIONS = ["server", "replication", "memory"] as const;

export function parseInfo(text: string): ServerInfo {
  const lines = text.split("\r\n").filter((line) => line.includes(":"));
  return INFO.parse(
    Object.fromEntries(lines.map((line) => [before(line), line.slice(before(line).length + 1)])),
  );
}

/**
 * Whose memory this is: the process, and the history it was promoted out of. A restart changes the first. The second changes
 * when a replica is promoted, also a former master that was demoted, overwritten and promoted again. (`master_replid` would
 * change with the first replica that is attached, too, which loses nothing.)
 */
export const identityOf = (info: ServerInfo): string => `${info.run_id}.${info.master_replid2}`;

const OLDEST = 7;

/** Why this server cannot be used at all; null when it can. */
export function unfit(info: ServerInfo): string | null {
  const major = Number.parseInt(info.redis_version, 10);
  if (major < OLDEST) return `Redis ${info.redis_version} is too old: ${OLDEST} or later is needed`;
  if (info.redis_mode !== "standalone")
    return `this Redis runs in ${info.redis_mode} mode; this engine needs a single Redis`;
  if (info.role !== "master") return "this Redis is a replica; its master is needed";
  return null;
}

/** Why it should be given no work; null when there is no reason. */
export function unready(info: ServerInfo): string | null {
  // With any other policy Redis throws away what it likes when memory runs out.
  if (info.maxmemory_policy !== "noeviction")
    return `Redis runs with maxmemory-policy ${info.maxmemory_policy}; it must be noeviction`;
  if (info.maxmemory > 0 && info.used_memory >= info.maxmemory)
    return "Redis has reached its maxmemory and stores nothing more";
  return null;
}

const before = (line: string): string => line.slice(0, line.indexOf(":"));
