/** A node: the server as it is, with three actions that write down in a file that they were run. Arguments: one JSON text. */
import { appendFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { z } from "zod";
import { redisEngine } from "../../src/engine/index.ts";
import { withoutDeduplication, withoutFences, withoutGaps } from "../../src/engine/planted.ts";
import { createServer, defineAction, type Log, systemClock, systemRandom } from "../../src/index.ts";
import type { NodeSettings } from "./cluster.ts";

const planted = { withoutFences, withoutDeduplication, withoutGaps };
const settings = JSON.parse(process.argv[2] ?? "") as NodeSettings;

const inputs = z.object({ call: z.string(), takes: z.number() });
const actions = [
  { name: "plain" },
  { name: "idempotent", idempotent: true },
  { name: "journal", journal: true },
].map((kind) =>
  defineAction({
    ...kind,
    description: "writes down that it was run",
    inputs,
    run: async ({ params: { call, takes } }) => {
      appendFileSync(settings.ran, `${call}\n`);
      if (takes > 0) await sleep(takes);
      return { done: call };
    },
  }),
);

function told({ err, ...fields }: { err?: unknown }, message: string): string {
  const cause = err instanceof Error ? (err.stack ?? err.message) : err === undefined ? "" : String(err);
  return JSON.stringify({ message, fields, cause });
}

const note = (fields: object, message: string): void => {
  if (settings.log) appendFileSync(settings.log, `${Date.now()} ${settings.port} ${told(fields, message)}\n`);
};

/** Errors go to the tool, which counts each as one. */
const log: Log = {
  debug: note,
  info: note,
  warn: note,
  error: (fields, message) => {
    note(fields, message);
    process.stderr.write(`${told(fields, message)}\n`);
  },
};

const bounds = { maxMessages: settings.keeps };
const { commandTimeout } = settings;
const shared = { clock: systemClock, random: systemRandom, ...(commandTimeout ? { commandTimeout } : {}) };
const engine = redisEngine({ ...shared, url: settings.redis, bounds, log });
const breaks = planted[settings.planted as keyof typeof planted];
const server = createServer({
  actions,
  log,
  env: {},
  engine: breaks ? breaks(engine) : engine,
  config: {
    general: { announceMembers: 10_000 },
    servers: { web: { port: settings.port, bindIP: "127.0.0.1" } },
    faye: { timeout: 5, grace: settings.grace },
    cluster: { lease: settings.lease / 1000 },
  },
});
await server.start();
