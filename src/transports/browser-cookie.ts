/**
 * The cookie by which a browser is known again (Bayeux 6.5.1, `BAYEUX_BROWSER`). Never required; it lets a
 * returning browser claim the line of its ended session again.
 */
import { randomBytes } from "node:crypto";
import { stringifySetCookie } from "cookie";
import type { Requester } from "../sessions/gateway.ts";

export const BROWSER_COOKIE = "BAYEUX_BROWSER";
const SECRET_BYTES = 20;

export interface Minted {
  readonly requester: Requester;
  readonly setCookie: string;
}

/** A cookie for a handshake that came without one, or undefined when none is due. */
export function mintCookie(
  unit: readonly unknown[],
  requester: Requester,
  place: { readonly mount: string; readonly crossOrigin: boolean },
): Minted | undefined {
  if (requester.cookies[BROWSER_COOKIE] !== undefined || !unit.some(isHandshake)) return undefined;
  const value = randomBytes(SECRET_BYTES).toString("hex");
  const { secure } = requester;
  const setCookie = stringifySetCookie({
    name: BROWSER_COOKIE,
    value,
    path: place.mount === "" ? "/" : place.mount,
    httpOnly: true,
    secure,
    // Browsers refuse None without Secure; over http a cross-origin page then goes without.
    sameSite: place.crossOrigin && secure ? "none" : "lax",
  });
  const cookies: Record<string, string | undefined> = Object.assign(Object.create(null), requester.cookies);
  cookies[BROWSER_COOKIE] = value;
  return { requester: { ...requester, cookies }, setCookie };
}

export function isHandshake(item: unknown): boolean {
  return typeof item === "object" && item !== null && "channel" in item && item.channel === "/meta/handshake";
}
