/** Callback-polling (BAYEUX 2.5): a script whose only statement calls the page's function. */
import type { Wrap } from "./poll-link.ts";
import type { Headers } from "./respond.ts";

const DEFAULT_CALLBACK = "jsonpcallback";
const MAX_CALLBACK_LENGTH = 128;
// Dot-separated identifiers, nothing that could be more than a name (cases 154, 155).
const CALLBACK = /^[A-Za-z_$][\w$]*(?:\.[A-Za-z_$][\w$]*)*$/;

/** The function to call, or undefined when the name is none. */
export function callbackOf(query: URLSearchParams): string | undefined {
  const name = query.get("jsonp") || DEFAULT_CALLBACK;
  return name.length <= MAX_CALLBACK_LENGTH && CALLBACK.test(name) ? name : undefined;
}

/** The comment keeps the body from beginning with text of the requester's choosing (Rosetta Flash). */
export function wrapperFor(callback: string): Wrap {
  return (text) => `/**/${callback}(${escapeForScript(text)});`;
}

export const SCRIPT_HEADERS: Headers = {
  "Content-Type": "text/javascript; charset=utf-8",
  // Never shown as a document of this origin.
  "Content-Disposition": "attachment; filename=f.txt",
};

/** Legal in JSON, but ends a line or a script in JavaScript (case 170). All of it can only stand inside of strings. */
function escapeForScript(json: string): string {
  return json.replace(/[<\u2028\u2029]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
