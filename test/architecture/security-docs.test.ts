/** docs/security.md names tests: they are there. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../", import.meta.url));

test("each threat in docs/security.md has a defence and names the tests that show it", () => {
  const text = readFileSync(`${root}docs/security.md`, "utf8");
  const threats = text.slice(text.indexOf("## Threats"), text.indexOf("## Tried"));
  const rows = threats.split("\n").filter((line) => line.startsWith("| "));
  assert.ok(rows.length > 10);
  for (const row of rows.slice(1).filter((line) => !line.startsWith("| ---"))) {
    const [, threat, defence, shown] = row.split("|").map((cell) => cell.trim());
    assert.ok(threat && defence, row);
    const names = [...shown!.matchAll(/`([\w/-]+)`/g)].map(([, name]) => name);
    assert.ok(names.length > 0, `nothing shows: ${threat}`);
    for (const name of names) assert.ok(existsSync(`${root}test/${name}.test.ts`), `test/${name}.test.ts`);
  }
});
