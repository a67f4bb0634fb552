/**
 * Real-time beside a server of Node's own.
 *
 *   npx tsx examples/http-server.ts     then open http://localhost:8080/api/add?a=1&b=2
 */
import { once } from "node:events";
import http from "node:http";
import { createServer } from "actionwire";
import { add } from "./actions.ts";

export const start = async (port: number) => {
  const server = http.createServer((_request, response) => {
    response.setHeader("content-type", "text/plain");
    response.end("hello from the application");
  });

  const actionwire = createServer({ actions: [add], server });
  await actionwire.start();
  await once(server.listen(port), "listening");

  return {
    server,
    async stop() {
      await actionwire.stop();
      // The server is the application's: Actionwire leaves it listening.
      server.close();
      server.closeAllConnections();
    },
  };
};

if (import.meta.filename === process.argv[1]) await start(8080);
