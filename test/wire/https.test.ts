/** The same conversations over TLS: real-time is bound to the web server, http or https. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import type { ServerOptions } from "../../src/server.ts";
import { startApp } from "./support/app.ts";
import { openPolling, openSocket } from "./support/by-hand.ts";
import { openFaye } from "./support/faye.ts";
import { ask } from "./support/http.ts";
import { lineContract } from "./support/line-contract.ts";

const folder = mkdtempSync(join(tmpdir(), "actionwire-tls-"));
after(() => rmSync(folder, { recursive: true }));

const [keyFile, certFile] = [join(folder, "key.pem"), join(folder, "cert.pem")];
selfSigned();

/** A key, and a certificate for 127.0.0.1 signed with it. */
function selfSigned(): void {
  const name = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"];
  const key = ["-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-days", "2"];
  const files = ["-keyout", keyFile, "-out", certFile];
  try {
    execFileSync("openssl", ["req", "-x509", ...key, ...name, ...files], { stdio: "ignore" });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    throw new Error("this test needs the program openssl, which is not installed", { cause: error });
  }
}

const secure = (): ServerOptions => ({ config: { servers: { web: { secure: true, keyFile, certFile } } } });
const tls = () => ({ tls: { ca: readFileSync(certFile) } });

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
