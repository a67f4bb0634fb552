/**
 * Real-time in an Express application.
 *
 *   npx tsx examples/express.ts     then open http://localhost:8080/
 */
import { once } from "node:events";
import http from "node:http";
import { createServer } from "actionwire";
import express from "express";
import { add } from "./actions.ts";

export const start = async (port: number) => {
  const app = express();
  app.get("/", (_request, response) => {
    response.type("text/plain").send("hello from the application");
  });
  const server = http.createServer(app);

  const actionwire = createServer({ actions: [add], server });
  await actionwire.start();
  await once(server.listen(port), "listening");

  return {
    server,
    async stop() {
      await actionwire.stop();
      server.close();
      server.closeAllConnections();
    },
  };
};

if (import.meta.filename === process.argv[1]) await start(8080);
