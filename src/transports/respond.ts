import type { OutgoingHttpHeaders, ServerResponse } from "node:http";
import type { Verdict } from "./origin.ts";

export type Headers = OutgoingHttpHeaders;

export const JSON_TYPE = "application/json; charset=utf-8";
export const METHODS = "GET, POST, OPTIONS";

/** On every answer, errors included (cases 138, 164, 165). */
export function baseHeaders(origin: string | undefined, verdict: Verdict): Headers {
  const headers: Headers = {
    "Cache-Control": "no-cache, no-store",
    "X-Content-Type-Options": "nosniff",
    Vary: "Origin",
  };
  if (origin !== undefined && verdict !== "foreign") {
    // Faye asks with credentials, and then browsers take nothing less than the exact origin (BAYEUX 2.4).
    headers["Access-Control-Allow-Origin"] = origin;
    headers["Access-Control-Allow-Credentials"] = "true";
  }
  return headers;
}

/** Case 161. Whoever is not welcome gets no allow-origin, and the browser stops there. */
export function preflight(response: ServerResponse, headers: Headers, welcome: boolean): void {
  const granted = {
    "Access-Control-Allow-Methods": "POST, GET",
    "Access-Control-Allow-Headers": "Accept, Authorization, Content-Type, Pragma, X-Requested-With",
    "Access-Control-Max-Age": "86400",
  };
  response.writeHead(204, {
    ...headers,
    ...(welcome ? granted : {}),
    Allow: METHODS,
    Vary: "Origin, Access-Control-Request-Method, Access-Control-Request-Headers",
  });
  response.end();
}

/** The headers become this response's own. */
export function writeText(response: ServerResponse, status: number, text: string, headers: Headers): void {
  headers["Content-Length"] = Buffer.byteLength(text);
  response.writeHead(status, headers);
  response.end(text);
}

export function refuse(
  response: ServerResponse,
  status: 400 | 403 | 404 | 405 | 415 | 429 | 500 | 503,
  text: string,
  headers: Headers,
): void {
  writeText(response, status, text, { ...headers, "Content-Type": "text/plain; charset=utf-8" });
}

/** Ends a response of which nothing is read for so long: one that the network has taken whole is none of them. */
export function cutUnread(response: ServerResponse, ms: number): void {
  if (response.writableEnded && !response.socket?.writableLength) return;
  response.setTimeout(ms, () => response.destroy());
}
