import type { Action } from "./action.ts";
import type { ActionInfo } from "./action-info.ts";
import { type Documentation, describeAction } from "./documentation.ts";

/** The actions on offer, by name and version. */
export interface Catalog {
  /** Undefined when there is none of this name, or not in this version. Without a version: the newest. */
  find(name: unknown, version: unknown): Action | undefined;
  list(): readonly ActionInfo[];
  documentation(): Documentation;
}

const byVersion = (a: Action, b: Action): number =>
  a.version.localeCompare(b.version, "en", { numeric: true });

/**
 * @throws {Error} when two actions share name and version
 */
export const createCatalog = (actions: readonly Action[]): Catalog => {
  // Maps, because names come from clients: `__proto__` is a name like any other.
  const byName = new Map<string, Action[]>();
  for (const action of actions) {
    const versions = byName.get(action.name) ?? [];
    if (versions.some(({ version }) => version === action.version)) {
      throw new Error(
        `two actions are named "${action.name}" (version ${action.version}): rename one, or give it another version`,
      );
    }
    byName.set(action.name, [...versions, action].sort(byVersion));
  }
  const infos: readonly ActionInfo[] = Object.freeze([...byName.values()].flat().map(describeAction));

  return {
    find(name, version) {
      if (typeof name !== "string") return undefined;
      const versions = byName.get(name);
      if (version === undefined || version === null || version === "") return versions?.at(-1);
      return versions?.find((action) => action.version === String(version));
    },
    list: () => infos,
    documentation() {
      const pages: [string, Record<string, ActionInfo>][] = [...byName].map(([name, versions]) => [
        name,
        Object.fromEntries(
          versions.map(({ version }) => [
            version,
            infos.find((info) => info.name === name && info.version === version)!,
          ]),
        ),
      ]);
      return Object.fromEntries(pages);
    },
  };
};
