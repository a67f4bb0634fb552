import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { copyFile } from "node:fs/promises";
import path from "node:path";
import { test } from "node:test";
import { connect, type PeerCertificate } from "node:tls";
import { eventually } from "../support/index.ts";
import { folder, startWeb } from "./bench.ts";

/** A key and a certificate of its own, signed by itself. */
const certificate = (dir: string, name: string) => {
  const [key, cert] = [path.join(dir, `${name}.key`), path.join(dir, `${name}.crt`)];
  const subject = ["-subj", `/CN=${name}`, "-days", "2", "-nodes", "-newkey", "rsa:2048"];
  execFileSync("openssl", ["req", "-x509", ...subject, "-keyout", key, "-out", cert], { stdio: "ignore" });
  return { key, cert };
};

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
  const first = certificate(dir, "first");
  const second = certificate(dir, "second");
  const [keyFile, certFile] = [path.join(dir, "live.key"), path.join(dir, "live.crt")];
  await copyFile(first.key, keyFile);
  await copyFile(first.cert, certFile);
  const { base, log } = await startWeb(t, {
    config: { servers: { web: { secure: true, keyFile, certFile } } },
  });

  const before = await ask(base, "/api/add?a=1&b=2");
  assert.equal(before.name, "first");
  assert.match(before.text, /\{"sum":3\}/);

  // The certificate alone does not fit the key: the former pair stays until both are there.
  await copyFile(second.cert, certFile);
  await eventually(() => log.lines.some(({ message }) => /the former ones stay/.test(message)));
  assert.equal((await ask(base, "/healthz")).name, "first");
  await copyFile(second.key, keyFile);
  await eventually(async () => (await ask(base, "/healthz")).name === "second");
});

test("files that cannot be read are told when the server is put together", async (t) => {
  const web = { secure: true, keyFile: "/nowhere/key.pem", certFile: "/nowhere/cert.pem" };
  await assert.rejects(
    startWeb(t, { config: { servers: { web } } }),
    /servers\.web\.keyFile.*\/nowhere\/key\.pem/,
  );
});
