import { ReplyError } from "ioredis";
import { EngineFailure } from "../contract.ts";

/** What Redis refuses before it has done anything, by the first word of its answer: what it means for whoever runs this. */
const REFUSALS: Readonly<Record<string, string>> = {
  OOM: "Redis has reached its maxmemory and stores nothing more",
  READONLY: "this Redis is a replica; its master is elsewhere",
  NOAUTH: "Redis asks for a password and none was given",
  WRONGPASS: "Redis does not accept this user and password",
  NOPERM: "the Redis user lacks a permission (docs/engine.md lists what is needed)",
  LOADING: "Redis is loading its data",
  MASTERDOWN: "this Redis is a replica that has lost its master",
  NOREPLICAS: "Redis has fewer replicas than min-replicas-to-write",
  MISCONF: "Redis cannot write to its disk and refuses to store",
  BUSY: "Redis is busy with another script",
  CLUSTERDOWN: "the Redis Cluster is down",
  MOVED: "this Redis belongs to a cluster",
  OUTDATED: "Redis has been replaced behind this connection, which is being looked into",
};

/** A permission that is missed in the middle of a script, in the words of Redis 7.0 and of later ones. */
const DENIED = /The user executing the script can't|ACL failure in script/;

/** ioredis' own words for a command that was not written at all. */
const NOT_WRITTEN = "enableOfflineQueue options is false";
/** And for one that was written and not answered in time. */
const TIMED_OUT = "Command timed out";

export const isReply = (error: unknown): error is Error => error instanceof ReplyError;

/** What waiting does not mend. */
const FINAL = ["NOAUTH", "WRONGPASS"];

const firstWord = (message: string): string => message.split(" ", 1)[0] ?? "";

const isDenied = (error: Error): boolean =>
  firstWord(error.message) === "NOPERM" || DENIED.test(error.message);

export const isFinal = (error: unknown): boolean =>
  isReply(error) && (FINAL.includes(firstWord(error.message)) || isDenied(error));

/** It lets this user do less than is needed, or stores nothing more: it has to be tried out again. */
export const isRefusal = (error: unknown): boolean =>
  isReply(error) && (isDenied(error) || ["MISCONF", "NOREPLICAS"].includes(firstWord(error.message)));

/** The server may be another one than was thought, or none: somebody has to look. */
export const isSuspicious = (error: unknown): boolean =>
  isReply(error)
    ? firstWord(error.message) === "OUTDATED"
    : error instanceof Error && error.message === TIMED_OUT;

/** What went wrong, in words: a refused connection to several addresses has none of its own. */
function wordsOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error.message !== "") return error.message;
  return "code" in error ? String(error.code) : error.name;
}

/**
 * Why a command failed, as the contract tells it. `reads`: nothing can have been changed, so nothing is unknown. The error
 * itself is not handed on as the cause: it carries the command's arguments, and with them secrets.
 */
export function failureOf(error: unknown, command: string, reads: boolean): EngineFailure {
  if (error instanceof EngineFailure) return error;
  const message = wordsOf(error);
  if (isReply(error)) {
    const code = firstWord(message);
    if (code === "FENCED") return new EngineFailure("fenced", `${command}: ${message.slice(7)}`);
    const inside = DENIED.test(message);
    const refusal = REFUSALS[inside ? "NOPERM" : code];
    // Anything but a refusal may have stopped a script halfway.
    const halfway = !reads && (inside || (refusal === undefined && message.includes("script")));
    const meaning = refusal ? `${refusal} (${message})` : `Redis answered ${message}`;
    return new EngineFailure(halfway ? "unknown" : "unavailable", `${command}: ${meaning}`);
  }
  if (reads || message.includes(NOT_WRITTEN))
    return new EngineFailure("unavailable", `${command}: Redis cannot be reached (${message})`);
  return new EngineFailure("unknown", `${command} may have been done: ${message}`);
}

/** An answer that this version cannot read; what was asked may have been done. */
export const malformed = (command: string, reads: boolean): EngineFailure =>
  new EngineFailure(
    reads ? "unavailable" : "unknown",
    `${command}: what Redis answered is not what this version writes`,
  );

/** Why a connection is of no use. What an answer means is said in front of it; anything else is a connection that failed. */
export function whyDown(error: unknown): string {
  if (isReply(error)) return failureOf(error, "connecting", true).message;
  return `Redis cannot be reached (${wordsOf(error)})`;
}
