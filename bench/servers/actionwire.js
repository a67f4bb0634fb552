/** This project as it was built, through its public interface. */
import { z } from "zod";
import { createServer, defineAction } from "../../dist/index.js";
import { deflate, serving } from "./lib.js";

const echo = defineAction({
  name: "echo",
  description: "returns its text",
  inputs: z.object({ text: z.string() }),
  run: ({ params }) => ({ echo: params.text }),
});

/** All defaults, but for what such a load has to exceed: raised, still counted. */
const config = {
  general: { simultaneousActions: 1_000 },
  limits: { eventsPerSecond: 1_000_000, eventBurst: 1_000_000 },
  servers: { web: { port: 0, bindIP: "127.0.0.1" }, websocket: { compression: deflate } },
};

const server = createServer({ actions: [echo], config });
await server.start();
serving(server.address().port);
