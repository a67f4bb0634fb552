/** Who is asking, seen through the proxies that are trusted, and what our own origin is in that peer's eyes. */
import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import { isIP } from "node:net";
import { parseCookie } from "cookie";
import proxyAddr from "proxy-addr";
import type { Requester } from "../sessions/gateway.ts";
import type { TransportOptions } from "./options.ts";

type Trust = (address: string, hop: number) => boolean;

export interface Peer {
  readonly remoteIP: string;
  readonly remotePort: number;
  readonly secure: boolean;
  /** `scheme://host[:port]` as the peer addressed us. */
  readonly origin: string;
}

const NO_COOKIES: Requester["cookies"] = Object.freeze(Object.create(null));

export class Peers {
  readonly #trust: Trust | undefined;
  readonly #secure: boolean;

  constructor(options: Pick<TransportOptions, "trustProxy" | "secure">) {
    this.#trust = trustOf(options.trustProxy);
    this.#secure = options.secure;
  }

  of(request: IncomingMessage): Peer {
    const { headers, socket } = request;
    const address = socket.remoteAddress ?? "";
    const encrypted = this.#secure || "encrypted" in socket;
    if (this.#trust === undefined || !this.#trust(address, 0)) {
      const { host = "" } = headers;
      return {
        remoteIP: plainIP(address),
        remotePort: socket.remotePort ?? 0,
        secure: encrypted,
        origin: `${encrypted ? "https" : "http"}://${host}`,
      };
    }
    // What stands nearest to us comes first; the last is the client, as the last proxy that is trusted saw it.
    const seen = proxyAddr.all(request, this.#trust);
    const hops = seen.length - 1;
    const proto = saidAt(headers["x-forwarded-proto"], hops)?.toLowerCase();
    const secure = proto === undefined ? encrypted : proto === "https" || proto === "wss";
    const host = saidAt(headers["x-forwarded-host"], hops) ?? headers.host ?? "";
    const forwarded = seen[hops] ?? address;
    const known = isIP(forwarded) !== 0 && forwarded !== address;
    return {
      remoteIP: plainIP(known ? forwarded : address),
      // The port of the connection to the proxy says nothing about the client.
      remotePort: known ? 0 : (socket.remotePort ?? 0),
      secure,
      origin: `${secure ? "https" : "http"}://${host}`,
    };
  }
}

/** `anonymous`: whatever the browser attached by itself (cookies, credentials) is not to be believed. */
export function requesterOf(peer: Peer, headers: IncomingHttpHeaders, anonymous: boolean): Requester {
  const { remoteIP, remotePort, secure } = peer;
  if (anonymous) {
    const { cookie: _, authorization: __, ...rest } = headers;
    return { remoteIP, remotePort, secure, headers: rest, cookies: NO_COOKIES };
  }
  const cookies = headers.cookie === undefined ? NO_COOKIES : parseCookie(headers.cookie);
  return { remoteIP, remotePort, secure, headers, cookies };
}

function trustOf(setting: TransportOptions["trustProxy"]): Trust | undefined {
  if (setting === false || setting === 0) return undefined;
  if (setting === true) return () => true;
  if (typeof setting === "number") return (_, hop) => hop < setting;
  const names = typeof setting === "string" ? setting.split(",").map((name) => name.trim()) : [...setting];
  return names.length === 0 ? undefined : proxyAddr.compile(names);
}

/**
 * What the proxy so many hops away said. Each proxy that appends puts its word at the right end; what is further to the left is the
 * client's own. With fewer words than hops they were overwritten on the way, and the one at the right end counts.
 */
function saidAt(header: string | string[] | undefined, hops: number): string | undefined {
  const words = (Array.isArray(header) ? header.join(",") : (header ?? "")).split(",");
  const word = words.at(-Math.max(1, hops)) ?? words.at(-1);
  return word?.trim() || undefined;
}

/** An IPv4 peer of a dual-stack server is written as IPv4. */
function plainIP(address: string): string {
  return address.startsWith("::ffff:") && address.includes(".") ? address.slice(7) : address;
}
