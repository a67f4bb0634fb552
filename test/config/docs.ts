import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";

/** A page that is written from the code must equal it. UPDATE_DOCS=1 writes it anew. */
export const assertPage = async (name: string, text: string): Promise<void> => {
  const page = new URL(`../../docs/${name}`, import.meta.url);
  if (process.env.UPDATE_DOCS) await writeFile(page, text);
  const written = await readFile(page, "utf8").catch(() => "");
  assert.equal(written, text, `docs/${name} differs from the code: run the test with UPDATE_DOCS=1`);
};
