import cluster from "node:cluster";
import { createServer } from "../server.ts";
import { banner } from "./banner.ts";
import { loadProject } from "./project.ts";
import { stopOnSignals } from "./signals.ts";

/** What a process of a cluster tells the first one once it has started. */
export const SERVES = "actionwire serves";

/** `actionwire start [dir]` */
export const start = async (dir: string): Promise<void> => {
  const { actions, hooks, config, publicDirs } = await loadProject(dir);
  const server = createServer({ actions, hooks, config, publicDirs });
  // Before the start: a signal may come while it waits for Redis.
  stopOnSignals(server);
  await server.start();
  if (cluster.isWorker) process.send?.(SERVES);
  console.log(
    banner({ config: server.config, address: server.address(), publicDirs, actions: actions.length }),
  );
};
