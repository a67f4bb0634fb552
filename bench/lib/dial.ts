/** Connections to servers. All of them read into one buffer: what is in it is used before the next one reads. */
import net from "node:net";
import tls from "node:tls";

/** Where a server listens, and how it is spoken to there. */
export interface Door {
  readonly port: number;
  /** TLS; nobody asks whose certificate it is. */
  readonly secure?: boolean;
  /** WebSockets have to be compressed. */
  readonly deflate?: boolean;
}

/** Bytes of all connections; those of TLS are counted as they were before. */
export const traffic = { received: 0 };

export const readBuffer = Buffer.allocUnsafeSlow(262_144);

/** `read` is told how many bytes have come. */
export function dial({ port, secure = false }: Door, read: (length: number) => void): net.Socket {
  const callback = (length: number): boolean => {
    traffic.received += length;
    read(length);
    return true;
  };
  const options = { port, host: "127.0.0.1", noDelay: true, onread: { buffer: readBuffer, callback } };
  return secure ? tls.connect({ ...options, rejectUnauthorized: false }) : net.connect(options);
}
