/** HTTP as bytes: nothing follows redirects, keeps cookies or reads a body by its type. */
import { type ClientRequest, type IncomingHttpHeaders, type IncomingMessage, request } from "node:http";
import { request as secureRequest } from "node:https";
import { heldFor } from "./judged.ts";

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface Asked {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Buffer;
}

/** Milliseconds after which a connection that is silent is given up; above what any connect is held here. */
const SILENCE = (heldFor(20) + 5) * 1000;

/** A request whose end is left to the caller. Certificates are not looked at. */
export function begin(url: string, { method = "GET", headers = {} }: Asked = {}): ClientRequest {
  const options = { method, headers, agent: false as const };
  const sent = url.startsWith("https:")
    ? secureRequest(url, { ...options, rejectUnauthorized: false })
    : request(url, options);
  return sent.setTimeout(SILENCE, () => sent.destroy(new Error(`nothing came for ${SILENCE} ms`)));
}

export async function read(response: IncomingMessage): Promise<Answer> {
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  const body = Buffer.concat(chunks).toString();
  return { status: response.statusCode ?? 0, headers: response.headers, body };
}

export function ask(url: string, asked: Asked = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const sent = begin(url, asked);
    sent.on("response", (response) => read(response).then(resolve, reject));
    sent.on("error", reject);
    sent.end(asked.body);
  });
}

export function post(url: string, body: string | Buffer, headers: Record<string, string> = {}) {
  return ask(url, { method: "POST", headers: { "Content-Type": "application/json", ...headers }, body });
}
