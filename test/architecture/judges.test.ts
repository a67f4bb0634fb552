import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const TESTS = fileURLToPath(new URL("..", import.meta.url));
const JUDGES = ["simulation/checker.ts", "chaos/logs.ts"].map((file) => join(TESTS, file));

/** What a file takes from others at run time: what it imports as a type is gone by then. */
function needs(file: string): string[] {
  const text = readFileSync(file, "utf8").replaceAll(/^(?:import|export) type [^;]*;/gms, "");
  return [...text.matchAll(/^(?:import|export) [^;]*?from "(\.[^"]+)";/gms)].map(([, from]) =>
    join(dirname(file), from!),
  );
}

test("what judges the histories shares no code with the server", () => {
  const seen = new Set<string>();
  const visit = (file: string): void => {
    if (seen.has(file)) return;
    seen.add(file);
    assert.ok(existsSync(file) && file.startsWith(TESTS), `${file} is not a test's`);
    for (const other of needs(file)) visit(other);
  };
  for (const judge of JUDGES) visit(judge);
  assert.ok(seen.size > JUDGES.length, "they use nothing, so nothing was looked at");
});
