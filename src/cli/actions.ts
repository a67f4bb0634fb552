import type { InputInfo } from "../actions/action-info.ts";
import { describeAction } from "../actions/documentation.ts";
import { loadProject } from "./project.ts";

const inputLine = ([name, { required, type, description }]: [string, InputInfo]): string => {
  const kind = typeof type === "string" ? type : "any";
  const about = typeof description === "string" ? `  ${description}` : "";
  return `    ${name}${required ? "" : "?"}: ${kind}${about}`;
};

/** `actionwire actions [dir]`: what is offered, with inputs. */
export const listActions = async (dir: string): Promise<string> => {
  const { actions } = await loadProject(dir);
  if (actions.length === 0) return "no actions: put one into actions/ (actionwire generate action <name>)";
  return [...actions]
    .sort((a, b) => a.name.localeCompare(b.name))
    .map((action) => {
      const { name, version, description, inputs } = describeAction(action);
      const title = `${name}${version === "1" ? "" : ` (version ${version})`}  ${description}`;
      return [title, ...Object.entries(inputs).map(inputLine)].join("\n");
    })
    .join("\n");
};
