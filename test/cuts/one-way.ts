import { once } from "node:events";
import net, { type AddressInfo } from "node:net";
import { reset } from "../support/reset.ts";

/** A proxy that can lose what the server answers while what the client sends still gets through. */
export interface OneWayProxy {
  readonly port: number;
  readonly url: string;
  /** From now on nothing comes back on the connections there are; after `milliseconds` they are reset. New ones are well. */
  loseAnswers(milliseconds: number): void;
  close(): Promise<void>;
}

interface Passage {
  readonly client: net.Socket;
  readonly server: net.Socket;
  deaf: boolean;
}

export async function createOneWayProxy(target: number): Promise<OneWayProxy> {
  const passages = new Set<Passage>();
  const cut = ({ client, server }: Passage) => {
    for (const socket of [client, server]) if (!socket.destroyed) reset(socket);
  };

  const listener = net.createServer((client) => {
    const passage: Passage = { client, server: net.connect(target, "127.0.0.1"), deaf: false };
    const { server } = passage;
    passages.add(passage);
    client.setNoDelay(true);
    server.setNoDelay(true);
    client.on("data", (chunk) => server.write(chunk));
    server.on("data", (chunk) => {
      if (!passage.deaf) client.write(chunk);
    });
    for (const socket of [client, server]) {
      socket.on("error", () => {});
      socket.on("close", () => {
        passages.delete(passage);
        cut(passage);
      });
    }
  });
  listener.listen(0, "127.0.0.1");
  await once(listener, "listening");
  const { port } = listener.address() as AddressInfo;

  return {
    port,
    url: `http://127.0.0.1:${port}`,
    loseAnswers(milliseconds) {
      const struck = [...passages].filter((passage) => !passage.deaf);
      for (const passage of struck) passage.deaf = true;
      setTimeout(() => {
        for (const passage of struck) cut(passage);
      }, milliseconds);
    },
    async close() {
      const closed = once(listener, "close");
      listener.close();
      for (const passage of passages) cut(passage);
      await closed;
    },
  };
}
