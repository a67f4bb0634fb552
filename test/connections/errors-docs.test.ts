import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { VERB_ERRORS } from "../../src/connections/refused.ts";

test("docs/protocol.md lists every code that a verb is refused with, with its text", () => {
  const text = readFileSync(new URL("../../docs/protocol.md", import.meta.url), "utf8");
  const section = text.slice(text.indexOf("A refused verb has"), text.indexOf("What else comes on the line"));
  const rows = [...section.matchAll(/^\| `(\w+)` \| (.+) \|$/gm)].map(([, code, message]) => [code, message]);
  assert.deepEqual(Object.fromEntries(rows), { ...VERB_ERRORS });
});
