import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { findCycle, importsOfSource } from "./imports.ts";

/** The import table of docs/architecture.md: each part of src/ and the parts it may import from. */
function table(): Map<string, Set<string>> {
  const text = readFileSync(new URL("../../docs/architecture.md", import.meta.url), "utf8");
  const rows = new Map<string, Set<string>>();
  for (const [, part, may] of text.matchAll(/^\| `([^`]+)` \|[^|]*\| ([^|]*) \|$/gm)) {
    rows.set(part!, new Set([...may!.matchAll(/`([^`]+)`/g)].map(([, name]) => name!)));
  }
  return rows;
}

const partOf = (file: string): string => (file.includes("/") ? `${file.slice(0, file.indexOf("/"))}/` : file);

test("each part imports only from the parts that the table in docs/architecture.md allows", () => {
  const allowed = table();
  const broken: string[] = [];
  for (const [file, targets] of importsOfSource()) {
    const part = partOf(file);
    const may = allowed.get(part);
    if (!may) broken.push(`${part} (of ${file}) is not in the table`);
    for (const target of targets) {
      const to = partOf(target);
      if (may && to !== part && !may.has(to))
        broken.push(`${file} imports ${target}: ${part} may not use ${to}`);
    }
  }
  assert.deepEqual(broken, []);
});

test("the table names no part that does not exist and allows nothing that is not used", () => {
  const used = new Map<string, Set<string>>();
  for (const [file, targets] of importsOfSource()) {
    const part = partOf(file);
    const uses = used.get(part) ?? new Set<string>();
    for (const target of targets) if (partOf(target) !== part) uses.add(partOf(target));
    used.set(part, uses);
  }
  const idle: string[] = [];
  for (const [part, may] of table()) {
    for (const name of may) if (!used.get(part)?.has(name)) idle.push(`${part} does not use ${name}`);
    if (!used.has(part)) idle.push(`${part} does not exist`);
  }
  assert.deepEqual(idle, []);
});

test("no cycle of imports, types included", () => {
  const cycle = findCycle(importsOfSource());
  assert.equal(cycle, null, cycle?.join(" → "));
});

test("a cycle would be found", () => {
  const imports = new Map([
    ["a", ["b"]],
    ["b", ["c"]],
    ["c", ["b"]],
  ]);
  assert.deepEqual(findCycle(imports), ["b", "c", "b"]);
});
