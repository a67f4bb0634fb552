/**
 * Who may speak to us from a web page. An origin is scheme, host and port; our own is always welcome, others when
 * they are listed. No origin at all is a program, not a page: every browser sends one with a POST and with a WebSocket.
 */
import type { IncomingHttpHeaders } from "node:http";

/**
 * `absent`: no page behind it. `same`, `listed`: welcome. `any`: welcome because everybody is, so without the
 * user's cookies. `foreign`: refused.
 */
export type Verdict = "absent" | "same" | "listed" | "any" | "foreign";

export class OriginPolicy {
  readonly #listed: ReadonlySet<string>;
  readonly #any: boolean;

  constructor(allowedOrigins: readonly string[]) {
    this.#any = allowedOrigins.includes("*");
    this.#listed = new Set(allowedOrigins.filter((origin) => origin !== "*").map(normal));
  }

  /** For requests on which a browser sends `Origin`: POST and upgrade. */
  judge(headers: IncomingHttpHeaders, own: string): Verdict {
    if (headers.origin !== undefined) return this.#compare(headers.origin, own);
    return isFromElsewhere(headers) ? "foreign" : "absent";
  }

  /**
   * For requests that a browser makes for a `<script>` or a same-origin stream: they carry no `Origin`, only a
   * Referer and (nowadays) `Sec-Fetch-Site` (case 168).
   */
  judgeGet(headers: IncomingHttpHeaders, own: string): Verdict {
    if (headers.origin !== undefined || headers.referer === undefined) return this.judge(headers, own);
    return this.#compare(originOf(headers.referer), own);
  }

  #compare(origin: string, own: string): Verdict {
    if (origin === own) return "same";
    const plain = normal(origin);
    if (plain === normal(own)) return "same";
    if (this.#listed.has(plain)) return "listed";
    // An opaque origin is anybody, even a file on the user's disk (case 166).
    return this.#any && plain !== "null" ? "any" : "foreign";
  }
}

/** Nothing says that the user's browser made this request on the user's own behalf. */
export function isUnproven(headers: IncomingHttpHeaders): boolean {
  return (
    headers.origin === undefined && headers.referer === undefined && headers["sec-fetch-site"] === undefined
  );
}

function isFromElsewhere(headers: IncomingHttpHeaders): boolean {
  const site = headers["sec-fetch-site"];
  return site === "cross-site" || site === "same-site";
}

/** Lower case, no default port, no slash at the end: as browsers write it, however it was configured. */
function normal(origin: string): string {
  const text = origin.toLowerCase().replace(/\/$/, "");
  if (text.startsWith("http:")) return text.replace(/:80$/, "");
  if (text.startsWith("https:")) return text.replace(/:443$/, "");
  return text;
}

function originOf(url: string): string {
  try {
    return new URL(url).origin;
  } catch {
    return "null";
  }
}
