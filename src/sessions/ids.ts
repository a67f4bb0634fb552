import { hash } from "node:crypto";
import type { Random } from "../ports.ts";

/** A clientId or resume token, taken apart: which record it is about, and the secret that proves the right to it. */
export interface Credential {
  readonly connection: string;
  readonly digest: string;
}

const UUID4 = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const CREDENTIAL = /^([0-9a-f]{12}4[0-9a-f]{3}[89ab][0-9a-f]{15})([0-9a-f]{40})$/;

export const isUuid4 = (text: string): boolean => UUID4.test(text);

export function newUuid(random: Random): string {
  const bytes = random.bytes(16);
  bytes[6] = (bytes[6]! & 0x0f) | 0x40;
  bytes[8] = (bytes[8]! & 0x3f) | 0x80;
  const hex = Buffer.from(bytes).toString("hex");
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}

/** A bearer text for a record: alphanumeric, 160 random bits beside the record's id (Bayeux 3.6 wants at least 128). */
export function newCredential(connection: string, random: Random): string {
  return connection.replaceAll("-", "") + Buffer.from(random.bytes(20)).toString("hex");
}

/** null for anything that {@link newCredential} would not have made. */
export function parseCredential(text: unknown): Credential | null {
  const match = typeof text === "string" ? CREDENTIAL.exec(text) : null;
  if (!match) return null;
  const hex = match[1]!;
  const connection = `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
  return { connection, digest: digest(match[2]!) };
}

/** One-way: a record, a log or an engine never holds the secret itself. */
export function digest(secret: string): string {
  return hash("sha256", secret, "base64url").slice(0, 32);
}
