import assert from "node:assert/strict";
import { copyFile } from "node:fs/promises";
import path from "node:path";
import { test } from "node:test";
import { connect, type PeerCertificate } from "node:tls";
import { selfSigned } from "../support/certificate.ts";
import { eventually } from "../support/index.ts";
import { folder, startWeb } from "./bench.ts";

const ask = (base: string, target: string): Promise<{ name: string; text: string }> =>
  new Promise((resolve, reject) => {
    const { hostname, port } = new URL(base);
    const socket = connect({ host: hostname, port: Number(port), rejectUnauthorized: false }, () => {
      const peer: PeerCertificate = socket.getPeerCertificate();
      let text = "";
      socket.on("data", (data) => {
        text += data;
      });
      socket.on("end", () => resolve({ name: String(peer.subject.CN), text }));
      socket.write(
        `GET ${target} HTTP/1.1\r\nHost: ${hostname}:${port}\r\nConnection: close\r\nOrigin: ${base}\r\n\r\n`,
      );
    });
    socket.on("error", reject);
  });

test("https with the files of the configuration, read again when they change", async (t) => {
  const dir = await folder(t);
  const [first, second] = [selfSigned("first"), selfSigned("second")];
  t.after(() => {
    first.remove();
    second.remove();
  });
  const [keyFile, certFile] = [path.join(dir, "live.key"), path.join(dir, "live.crt")];
  await copyFile(first.keyFile, keyFile);
  await copyFile(first.certFile, certFile);
  const { base, log } = await startWeb(t, {
    config: { servers: { web: { secure: true, keyFile, certFile } } },
  });

  const before = await ask(base, "/api/add?a=1&b=2");
  assert.equal(before.name, "first");
  assert.match(before.text, /\{"sum":3\}/);

  // The certificate alone does not fit the key: the former pair stays until both are there.
  await copyFile(second.certFile, certFile);
  await eventually(() => log.lines.some(({ message }) => /the former ones stay/.test(message)));
  assert.equal((await ask(base, "/healthz")).name, "first");
  await copyFile(second.keyFile, keyFile);
  await eventually(async () => (await ask(base, "/healthz")).name === "second");
});

test("files that cannot be read are told when the server is put together", async (t) => {
  const web = { secure: true, keyFile: "/nowhere/key.pem", certFile: "/nowhere/cert.pem" };
  await assert.rejects(
    startWeb(t, { config: { servers: { web } } }),
    /servers\.web\.keyFile.*\/nowhere\/key\.pem/,
  );
});
