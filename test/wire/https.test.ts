/** The same conversations over TLS: real-time is bound to the web server, http or https. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import type { ServerOptions } from "../../src/server.ts";
import { selfSigned } from "../support/certificate.ts";
import { startApp } from "./support/app.ts";
import { openPolling, openSocket } from "./support/by-hand.ts";
import { openFaye } from "./support/faye.ts";
import { ask } from "./support/http.ts";
import { lineContract } from "./support/line-contract.ts";

const { keyFile, certFile, cert, remove } = selfSigned();
after(remove);

const secure = (): ServerOptions => ({ config: { servers: { web: { secure: true, keyFile, certFile } } } });
const tls = () => ({ tls: { ca: cert } });

lineContract("the stock Faye client over wss", openFaye("websocket", tls), secure);
lineContract("the stock Faye client over long-polling and https", openFaye("long-polling", tls), secure);
lineContract("polling by hand over https", openPolling, secure);
lineContract("a bare WebSocket over wss", openSocket, secure);

test("the cookie of a browser is for https only", async () => {
  const server = await startApp(secure());
  try {
    const body = JSON.stringify([
      { channel: "/meta/handshake", version: "1.0", supportedConnectionTypes: ["long-polling"] },
    ]);
    const { headers } = await ask(`${server.url}/faye`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body,
    });
    assert.match(String(headers["set-cookie"]), /BAYEUX_BROWSER=.*; Secure/);
  } finally {
    await server.close();
  }
});
