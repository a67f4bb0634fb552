import { mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import path from "node:path";
import { ProjectError } from "./project.ts";
import { actionFile, projectFiles } from "./templates.ts";

/** Writes a file that must not be there yet. */
const create = async (file: string, text: string): Promise<void> => {
  await mkdir(path.dirname(file), { recursive: true });
  try {
    await writeFile(file, text, { flag: "wx" });
  } catch (error) {
    if (error instanceof Error && "code" in error && error.code === "EEXIST") {
      throw new ProjectError(`${file} is there already: it was left as it is`);
    }
    throw error;
  }
};

const packageVersion = async (): Promise<string> => {
  const text = await readFile(new URL("../../package.json", import.meta.url), "utf8");
  return (JSON.parse(text) as { version: string }).version;
};

/** A name that npm takes, from a folder's. */
const packageName = (dir: string): string =>
  path
    .basename(dir)
    .toLowerCase()
    .replace(/[^a-z0-9-]+/g, "-")
    .replace(/^-+|-+$/g, "") || "app";

/** `actionwire generate <dir>`: a project that runs. Returns the files it wrote. */
export const generateProject = async (folder: string): Promise<string[]> => {
  const dir = path.resolve(folder);
  const there = await readdir(dir).catch(() => []);
  if (there.length > 0) throw new ProjectError(`${dir} is not empty: give a folder that is new`);
  const files = projectFiles(packageName(dir), await packageVersion());
  for (const [name, text] of files) await create(path.join(dir, name), text);
  return files.map(([name]) => name);
};

/** `actionwire generate action <name>` */
export const generateAction = async (folder: string, name: string): Promise<string> => {
  if (!/^[A-Za-z][\w-]{0,60}$/.test(name)) {
    throw new ProjectError(
      `an action's name is a letter followed by letters, digits, _ or -, got ${JSON.stringify(name)}`,
    );
  }
  const file = path.join("actions", `${name}.ts`);
  await create(path.resolve(folder, file), actionFile(name));
  return file;
};
