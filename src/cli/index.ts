import { readFileSync } from "node:fs";
import { Command } from "commander";
import { ConfigError } from "../config/index.ts";
import { listActions } from "./actions.ts";
import { defaultWorkers, parseWorkers, startCluster } from "./cluster.ts";
import { generateAction, generateProject } from "./generate.ts";
import { ProjectError } from "./project.ts";
import { start } from "./start.ts";

const version = (): string => {
  const text = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  return (JSON.parse(text) as { version: string }).version;
};

const listenProblems: Readonly<Record<string, string>> = {
  EADDRINUSE: "is in use: stop who uses it, or choose another with PORT",
  EACCES: "may not be used by this user: choose another with PORT",
  EADDRNOTAVAIL: "is not an address of this machine: choose another with HOST",
};

/** One clear line for what a person can mend. */
const explain = (error: unknown): string => {
  if (error instanceof ConfigError || error instanceof ProjectError) return error.message;
  if (!(error instanceof Error)) return String(error);
  const { code, address, port } = error as NodeJS.ErrnoException & { address?: string; port?: number };
  const problem = code === undefined ? undefined : listenProblems[code];
  return problem && port !== undefined ? `${address}:${port} ${problem}` : error.message;
};

const program = (): Command => {
  const actionwire = new Command("actionwire")
    .description("A real-time action server that speaks Bayeux.")
    .version(version())
    .showSuggestionAfterError();

  actionwire
    .command("start")
    .description("serve a project: its actions/, public/, actionwire.config.ts and hooks.ts")
    .argument("[dir]", "the project's folder", ".")
    .action(start);

  actionwire
    .command("cluster")
    .alias("startCluster")
    .description("serve a project with several processes on this host; needs Redis")
    .argument("[dir]", "the project's folder", ".")
    .option("-w, --workers <n>", "how many processes", parseWorkers, defaultWorkers())
    .action((dir: string, { workers }: { workers: number }) => startCluster(dir, workers));

  actionwire
    .command("actions")
    .description("list the actions of a project, with their inputs")
    .argument("[dir]", "the project's folder", ".")
    .action(async (dir: string) => console.log(await listActions(dir)));

  const generate = actionwire
    .command("generate")
    .description("write a new project, or an action into this one");
  generate
    .command("project", { isDefault: true })
    .description("write a new project that runs")
    .argument("<dir>", "a folder that is new or empty")
    .action(async (dir: string) => {
      for (const file of await generateProject(dir)) console.log(`${dir}/${file}`);
      console.log(`now: cd ${dir} && npm install && npm start`);
    });
  generate
    .command("action")
    .description("write an action into the project in the current folder")
    .argument("<name>", "its name")
    .action(async (name: string) => console.log(await generateAction(".", name)));

  return actionwire;
};

/** Runs the command line. A failure is one line on standard error and exit code 1. */
export const main = async (args: readonly string[]): Promise<void> => {
  try {
    await program().parseAsync(args, { from: "user" });
  } catch (error) {
    console.error(`actionwire: ${explain(error)}`);
    // Not only a code to end with: a half started server may still hold the process.
    process.exit(1);
  }
};
