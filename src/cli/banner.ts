import { existsSync } from "node:fs";
import type { AddressInfo } from "node:net";
import path from "node:path";
import type { Config } from "../config/index.ts";

interface Running {
  readonly config: Config;
  readonly address: AddressInfo | null;
  readonly publicDirs: readonly string[];
  readonly actions: number;
}

const host = ({ address, family }: AddressInfo): string => {
  if (address === "0.0.0.0" || address === "::") return "localhost";
  return family === "IPv6" ? `[${address}]` : address;
};

/** Whether several processes are one cluster. */
export const shares = ({ redis }: Config): boolean =>
  redis.url !== null || redis.host !== null || redis.sentinels.length > 0;

/** Where to look, now that it runs. */
export const banner = ({ config, address, publicDirs, actions }: Running): string => {
  const { secure, urlPathForActions, urlPathForFiles } = config.servers.web;
  const base = address ? `${secure ? "https" : "http"}://${host(address)}:${address.port}` : "";
  const has = (file: string) => publicDirs.some((dir) => existsSync(path.join(dir, file)));
  const rows: [string, string][] = [];
  if (has("index.html")) rows.push(["page", `${base}/`]);
  if (has("websockets.html")) rows.push(["example", `${base}/${urlPathForFiles}/websockets.html`]);
  rows.push(
    ["actions", `${base}/${urlPathForActions} (${actions})`],
    ["bayeux", `${base}${config.faye.mount}`],
    ["health", `${base}/readyz`],
    ["engine", shares(config) ? "Redis" : "memory (this process only)"],
    ["node", `${process.versions.node}, process ${process.pid}`],
  );
  return [
    `${config.general.serverName} is ready`,
    ...rows.map(([name, what]) => `  ${name.padEnd(8)} ${what}`),
  ].join("\n");
};
