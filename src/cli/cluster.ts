import cluster, { type Worker } from "node:cluster";
import { availableParallelism } from "node:os";
import { ConfigError, resolveConfig } from "../config/index.ts";
import { shares } from "./banner.ts";
import { loadProject, ProjectError } from "./project.ts";
import { SERVES } from "./start.ts";

/** Milliseconds before a process takes the place of one that died. */
const REPLACED_AFTER = 1_000;

export const parseWorkers = (given: string): number => {
  const workers = Number(given);
  if (Number.isInteger(workers) && workers >= 1 && workers <= 1024) return workers;
  throw new ProjectError(`--workers is a whole number from 1 to 1024, not "${given}"`);
};

export const defaultWorkers = (): number => Math.max(2, availableParallelism());

/**
 * `actionwire cluster [dir]`: nodes on one host behind one port. Each new connection goes to the next of them, whoever opens it.
 * A signal goes to all; the exit code is 0 when each of them has ended with it.
 */
export const startCluster = async (dir: string, workers: number): Promise<void> => {
  const { config } = await loadProject(dir);
  if (!shares(resolveConfig(config, process.env)))
    throw new ConfigError(["a cluster needs Redis: set REDIS_URL, or redis in the configuration"]);
  cluster.schedulingPolicy = cluster.SCHED_RR;
  cluster.setupPrimary({ args: ["start", dir] });
  const served = new WeakSet<Worker>();
  let stopping = false;
  let code = 0;

  const alive = (): Worker[] => Object.values(cluster.workers ?? {}).filter((worker) => worker !== undefined);
  const tell = (signal: NodeJS.Signals): void => {
    for (const worker of alive()) worker.process.kill(signal);
  };
  const stop = (signal: NodeJS.Signals): void => {
    stopping = true;
    // A terminal has told them all.
    if (signal !== "SIGINT" || !process.stdin.isTTY) tell(signal);
    if (alive().length === 0) process.exit(code);
  };
  cluster.on("message", (worker, said) => {
    if (said === SERVES) served.add(worker);
  });
  cluster.on("exit", (worker, status, signal) => {
    if (stopping) {
      code = Math.max(code, status ?? 1);
    } else if (served.has(worker)) {
      console.error(
        `actionwire: process ${worker.process.pid} died (${signal ?? status}); another takes its place`,
      );
      setTimeout(() => {
        if (!stopping) cluster.fork();
      }, REPLACED_AFTER);
    } else {
      // It has said why, and the next one would say the same.
      code = status ?? 1;
      stop("SIGTERM");
    }
    if (stopping && alive().length === 0) process.exit(code);
  });
  process.on("SIGTERM", () => stop("SIGTERM"));
  process.on("SIGINT", () => stop("SIGINT"));
  for (let n = 0; n < workers; n += 1) cluster.fork();
};
