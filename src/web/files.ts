import { access } from "node:fs/promises";
import path from "node:path";
import fastifyStatic from "@fastify/static";
import type { FastifyInstance } from "fastify";
import type { Config } from "../config/declaration.ts";
import { scriptSender, scripts } from "./scripts.ts";

const exists = (file: string): Promise<boolean> =>
  access(file).then(
    () => true,
    () => false,
  );

const firstWith = async (folders: readonly string[], file: string): Promise<string | undefined> => {
  for (const folder of folders) if (await exists(path.join(folder, file))) return folder;
  return undefined;
};

/** The project's files, and before them the scripts that are always there. */
export const fileRoutes = (config: Config, publicDirs: readonly string[], ownsRoot: boolean) => {
  const { mount, client } = config.faye;
  const files = config.servers.web.urlPathForFiles;
  const own = scripts(mount, files, { path: mount, fayeOptions: client });

  const routes = async (scope: FastifyInstance): Promise<void> => {
    const send = scriptSender();
    for (const [url, script] of own) {
      scope.get(url, (request, reply) => send(script, request, reply));
    }
    const folders: string[] = [];
    for (const folder of publicDirs) if (await exists(folder)) folders.push(path.resolve(folder));
    if (folders.length === 0) return;
    scope.addHook("onSend", async (_, reply) => {
      reply.header("x-content-type-options", "nosniff");
    });
    // `ignore`: a file whose name begins with a dot is answered as if it were not there.
    // `redirect`: a folder's page has the folder in its address, or its relative links would go wrong.
    const options = { root: folders, prefix: `/${files}`, dotfiles: "ignore", redirect: true } as const;
    await scope.register(fastifyStatic, options);
    const home = ownsRoot ? await firstWith(folders, "index.html") : undefined;
    // An application's own page at `/` goes first.
    if (home !== undefined && !scope.hasRoute({ method: "GET", url: "/" })) {
      scope.get("/", (_, reply) => reply.sendFile("index.html", home));
    }
  };

  return {
    routes,
    /** Paths below the mount that are files and not Bayeux. */
    isScript: (pathname: string): boolean => own.has(pathname),
  };
};
