import { createServer } from "../server.ts";
import { banner } from "./banner.ts";
import { loadProject } from "./project.ts";
import { stopOnSignals } from "./signals.ts";

/** `actionwire start [dir]` */
export const start = async (dir: string): Promise<void> => {
  const { actions, hooks, config, publicDirs } = await loadProject(dir);
  const server = createServer({ actions, hooks, config, publicDirs });
  await server.start();
  stopOnSignals(server);
  console.log(
    banner({ config: server.config, address: server.address(), publicDirs, actions: actions.length }),
  );
};
