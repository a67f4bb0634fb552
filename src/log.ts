import { type DestinationStream, type Logger, pino } from "pino";
import type { Config } from "./config/declaration.ts";

/** Names under which a secret could reach the log, in the fields themselves or up to two objects deep (DESIGN 8). */
const secretNames = ["clientId", "token", "cookie", "authorization", "password", "resumeToken", "secret"];

/** `redis.url` has a password in it. */
const secretPaths = ["redis.url", "config.redis.url"];

const redacted = [...secretNames.flatMap((name) => [name, `*.${name}`, `*.*.${name}`]), ...secretPaths];

/** The log: JSON lines on standard output, with secrets taken out. */
export const createLog = ({ level }: Config["logger"], destination?: DestinationStream): Logger => {
  const options = { name: "actionwire", level, redact: { paths: redacted, censor: "[secret]" } };
  return destination ? pino(options, destination) : pino(options);
};
