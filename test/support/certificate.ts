import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export interface Certificate {
  readonly keyFile: string;
  readonly certFile: string;
  /** PEM. */
  readonly cert: string;
  remove(): void;
}

/** A key, and a certificate for 127.0.0.1 signed with it, in files of their own. `name` is the subject's. */
export function selfSigned(name = "127.0.0.1"): Certificate {
  const folder = mkdtempSync(join(tmpdir(), "actionwire-tls-"));
  const [keyFile, certFile] = [join(folder, "key.pem"), join(folder, "cert.pem")];
  const subject = ["-subj", `/CN=${name}`, "-addext", "subjectAltName=IP:127.0.0.1"];
  const key = ["-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-days", "2"];
  const files = ["-keyout", keyFile, "-out", certFile];
  try {
    execFileSync("openssl", ["req", "-x509", ...key, ...subject, ...files], { stdio: "ignore" });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
    throw new Error("this test needs the program openssl, which is not installed", { cause: error });
  }
  const remove = (): void => rmSync(folder, { recursive: true });
  return { keyFile, certFile, cert: readFileSync(certFile, "utf8"), remove };
}
