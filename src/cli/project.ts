import { existsSync } from "node:fs";
import { readdir, stat } from "node:fs/promises";
import { createRequire } from "node:module";
import path from "node:path";
import { createJiti, type Jiti } from "jiti";
import * as zod from "zod";
import { type Action, isAction } from "../actions/index.ts";
import type { ConfigInput } from "../config/index.ts";
import * as engine from "../engine/index.ts";
import { type Hooks, hooksProblem } from "../hooks.ts";
import * as actionwire from "../index.ts";

/** What a project folder holds. */
export interface Project {
  readonly dir: string;
  readonly actions: readonly Action[];
  readonly hooks: Hooks;
  readonly config: ConfigInput;
  readonly publicDirs: readonly string[];
}

/** Something in the project is wrong: told in one line that names the file, without a stack. */
export class ProjectError extends Error {
  override readonly name = "ProjectError";
}

const extensions = [".ts", ".mts", ".js", ".mjs"];

type Module = Readonly<Record<string, unknown>>;

const canResolve = (name: string, from: string): boolean => {
  try {
    createRequire(from).resolve(name);
    return true;
  } catch {
    return false;
  }
};

/**
 * Loads TypeScript as it is. `actionwire` is the very modules that run here, wherever the project lies and whatever it has
 * installed: an ActionError of a second copy would not be known as one.
 */
const loader = (dir: string): Jiti => {
  const parent = path.join(dir, "actionwire.project.js");
  return createJiti(parent, {
    interopDefault: false,
    // A file that was edited must not come out of a cache on disk, nor leave one in the project.
    fsCache: false,
    virtualModules: {
      actionwire,
      "actionwire/engine": engine,
      // So that a project runs before anything was installed into it.
      ...(canResolve("zod", parent) ? {} : { zod }),
    },
  });
};

const firstLine = (error: unknown): string => {
  const text = error instanceof Error ? error.message : String(error);
  return text.split("\n", 1)[0]!;
};

const load = async (jiti: Jiti, dir: string, file: string): Promise<Module> => {
  try {
    return await jiti.import<Module>(file);
  } catch (error) {
    throw new ProjectError(`${path.relative(dir, file)} cannot be loaded: ${firstLine(error)}`, {
      cause: error,
    });
  }
};

const moduleFiles = async (folder: string): Promise<string[]> => {
  if (!existsSync(folder)) return [];
  const entries = await readdir(folder, { withFileTypes: true, recursive: true });
  return entries
    .filter(({ name }) => extensions.includes(path.extname(name)) && !/\.(d|test|spec)\.\w+$/.test(name))
    .filter((entry) => !entry.isDirectory())
    .map((entry) => path.join(entry.parentPath, entry.name))
    .filter((file) => !file.split(path.sep).includes("node_modules"))
    .sort();
};

const oneOf = (dir: string, base: string): string | undefined => {
  const found = extensions
    .map((extension) => path.join(dir, base + extension))
    .filter((file) => existsSync(file));
  if (found.length > 1) {
    const names = found.map((file) => path.basename(file)).join(" and ");
    throw new ProjectError(`there are ${names}: keep one of them`);
  }
  return found[0];
};

/** The actions that a module exports: by default or by name, one or a list of them. */
const actionsOf = (module: Module): Action[] => [
  // A CommonJS module is what it exports.
  ...new Set([module, ...Object.values(module)].flat().filter(isAction)),
];

const loadActions = async (jiti: Jiti, dir: string): Promise<Action[]> => {
  const from = new Map<string, string>();
  const actions: Action[] = [];
  for (const file of await moduleFiles(path.join(dir, "actions"))) {
    const name = path.relative(dir, file);
    const found = actionsOf(await load(jiti, dir, file));
    if (found.length === 0) {
      throw new ProjectError(
        `${name} exports no action: export what defineAction returns, by default or by name`,
      );
    }
    for (const action of found) {
      // One module may hand on what another one exports.
      if (actions.includes(action)) continue;
      const key = `${action.name} (version ${action.version})`;
      const other = from.get(key);
      if (other) throw new ProjectError(`${other} and ${name} both have an action named ${key}: rename one`);
      from.set(key, name);
      actions.push(action);
    }
  }
  return actions;
};

/** What a module exports by default; of CommonJS, all of it. */
const defaultOf = (module: Module): unknown => {
  if ("default" in module) return module.default;
  const isCommonJs =
    !("__esModule" in module) && Object.prototype.toString.call(module) !== "[object Module]";
  return isCommonJs ? module : undefined;
};

/** The default export of an optional file, which must be an object. */
const loadDefault = async (jiti: Jiti, dir: string, base: string): Promise<Module> => {
  const file = oneOf(dir, base);
  if (file === undefined) return {};
  const value = defaultOf(await load(jiti, dir, file));
  if (typeof value !== "object" || value === null) {
    const got = value === undefined ? "nothing" : `a ${typeof value}`;
    throw new ProjectError(`${path.basename(file)} must export an object by default, it exports ${got}`);
  }
  return value as Module;
};

const checkHooks = (hooks: Module): Hooks => {
  const problem = hooksProblem(hooks);
  if (problem) throw new ProjectError(`the hooks file has ${problem}`);
  return hooks;
};

/**
 * Loads a project folder. Everything in it is optional.
 *
 * @throws {ProjectError} when the folder is none, or something in it cannot be used
 */
export const loadProject = async (folder: string): Promise<Project> => {
  const dir = path.resolve(folder);
  const is = await stat(dir).catch(() => undefined);
  if (!is?.isDirectory()) throw new ProjectError(`${dir} is not a folder`);
  const jiti = loader(dir);
  return {
    dir,
    config: (await loadDefault(jiti, dir, "actionwire.config")) as ConfigInput,
    hooks: checkHooks(await loadDefault(jiti, dir, "hooks")),
    actions: await loadActions(jiti, dir),
    publicDirs: [path.join(dir, "public")],
  };
};
