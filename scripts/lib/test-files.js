import { readdirSync } from "node:fs";
import { join, relative, sep } from "node:path";

/** Every test file, relative to the project with forward slashes, sorted. */
export function listTestFiles(root) {
  return readdirSync(join(root, "test"), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".test.ts"))
    .map((entry) =>
      relative(root, join(entry.parentPath ?? entry.path, entry.name))
        .split(sep)
        .join("/"),
    )
    .sort();
}

/**
 * Splits what follows `npm test --` into the files meant (any part of a path; none means all) and options for Node's runner.
 * Throws for a filter that means no file: a run of nothing must not look like success.
 */
export function selectTests(files, args) {
  const options = args.filter((arg) => arg.startsWith("-"));
  const filters = args
    .filter((arg) => !arg.startsWith("-"))
    .map((arg) => arg.replace(/^\.\//, "").split(sep).join("/"));
  for (const filter of filters) {
    if (!files.some((file) => file.includes(filter)))
      throw new Error(`no test file has "${filter}" in its path`);
  }
  const chosen =
    filters.length === 0 ? files : files.filter((file) => filters.some((part) => file.includes(part)));
  return { chosen, options, all: filters.length === 0 };
}
