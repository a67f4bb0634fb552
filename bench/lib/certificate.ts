import { type Certificate, selfSigned } from "../../test/support/certificate.ts";

let certificate: Certificate | undefined;

/** The environment of a server that speaks TLS. */
export function secured(): Record<string, string> {
  if (certificate === undefined) {
    certificate = selfSigned();
    process.on("exit", certificate.remove);
  }
  const { keyFile, certFile } = certificate;
  return { TLS_KEY_FILE: keyFile, TLS_CERT_FILE: certFile };
}
