/**
 * Real-time in a Fastify application.
 *
 *   npx tsx examples/fastify.ts     then open http://localhost:8080/
 */
import { createServer } from "actionwire";
import Fastify from "fastify";
import { add } from "./actions.ts";

export const start = async (port: number) => {
  const app = Fastify({ forceCloseConnections: true });
  app.get("/", async (_request, reply) => reply.type("text/plain").send("hello from the application"));

  const actionwire = createServer({ actions: [add], server: app.server });
  await actionwire.start();
  // A host, because for "localhost" Fastify opens a second server that nobody can attach to.
  await app.listen({ port, host: "0.0.0.0" });

  return {
    server: app.server,
    async stop() {
      await actionwire.stop();
      await app.close();
    },
  };
};

if (import.meta.filename === process.argv[1]) await start(8080);
