import { once } from "node:events";
import net, { type AddressInfo } from "node:net";
import { reset } from "./reset.ts";

const UPGRADE = /^GET [^\r\n]+ HTTP\/1\.1\r\n(?:[^\r\n]+\r\n)*?upgrade:[ \t]*websocket/i;
const REFUSAL = "HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

/** A TCP proxy that misbehaves on demand, between clients and one node. */
export interface ChaosProxy {
  readonly port: number;
  readonly url: string;
  /** Connections through it right now. */
  readonly size: number;
  /** Resets every connection. New ones are welcome. */
  cutAll(): void;
  /** While on nothing passes in either direction and nothing is closed, as behind a dead link; afterwards it all arrives. */
  blackhole(on: boolean): void;
  /** While on WebSocket upgrades are answered 502, as by a proxy that does not know them. Open ones stay. */
  refuseUpgrades(on: boolean): void;
  /** While on new connections are reset at once. Open ones stay. */
  refuseConnections(on: boolean): void;
  /** Milliseconds each chunk is held, in each direction. */
  delay(milliseconds: number): void;
  /** Later connections go to this port. */
  target(port: number): void;
  close(): Promise<void>;
}

interface Weather {
  hole: boolean;
  delay: number;
}

/** One direction of one connection: what was read waits here for its time. */
class Flow {
  readonly #to: net.Socket;
  readonly #weather: Weather;
  readonly #waiting: { readonly due: number; readonly act: () => void }[] = [];
  #timer: NodeJS.Timeout | null = null;

  constructor(to: net.Socket, weather: Weather) {
    this.#to = to;
    this.#weather = weather;
  }

  write(chunk: Buffer): void {
    this.#later(() => this.#to.write(chunk));
  }

  end(): void {
    this.#later(() => this.#to.end());
  }

  reset(): void {
    this.#later(() => reset(this.#to));
  }

  #later(act: () => void): void {
    this.#waiting.push({ due: performance.now() + this.#weather.delay, act });
    this.pump();
  }

  /** Does what is due, in order. Called again when the weather changes. */
  pump(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#timer = null;
    while (!this.#weather.hole) {
      const first = this.#waiting[0];
      if (first === undefined) return;
      const wait = first.due - performance.now();
      if (wait > 0) {
        this.#timer = setTimeout(() => this.pump(), Math.ceil(wait));
        return;
      }
      this.#waiting.shift();
      first.act();
    }
  }

  drop(): void {
    if (this.#timer !== null) clearTimeout(this.#timer);
    this.#waiting.length = 0;
  }
}

/** Both directions of one connection. Buffers without bound: this is for tests. */
class Passage {
  readonly #client: net.Socket;
  readonly #server: net.Socket;
  readonly #up: Flow;
  readonly #down: Flow;

  constructor(
    client: net.Socket,
    port: number,
    weather: Weather,
    refusesUpgrades: () => boolean,
    gone: () => void,
  ) {
    this.#client = client;
    this.#server = net.connect({ port, host: "127.0.0.1", allowHalfOpen: true });
    this.#up = new Flow(this.#server, weather);
    this.#down = new Flow(client, weather);
    client.setNoDelay(true);
    this.#server.setNoDelay(true);

    client.on("data", (chunk) => {
      if (refusesUpgrades() && UPGRADE.test(chunk.toString("latin1"))) this.#refuse();
      else this.#up.write(chunk);
    });
    this.#server.on("data", (chunk) => this.#down.write(chunk));
    client.on("end", () => this.#up.end());
    this.#server.on("end", () => this.#down.end());
    client.on("error", () => this.#up.reset());
    this.#server.on("error", () => this.#down.reset());

    let open = 2;
    for (const socket of [client, this.#server]) {
      socket.on("close", () => {
        open -= 1;
        if (open > 0) return;
        this.#up.drop();
        this.#down.drop();
        gone();
      });
    }
  }

  #refuse(): void {
    this.#server.destroy();
    this.#client.end(REFUSAL);
  }

  pump(): void {
    this.#up.pump();
    this.#down.pump();
  }

  cut(): void {
    this.#up.drop();
    this.#down.drop();
    for (const socket of [this.#client, this.#server]) {
      if (!socket.destroyed) reset(socket);
    }
  }
}

export async function createProxy(targetPort: number): Promise<ChaosProxy> {
  const weather: Weather = { hole: false, delay: 0 };
  const passages = new Set<Passage>();
  let target = targetPort;
  let noUpgrades = false;
  let noConnections = false;

  const server = net.createServer({ allowHalfOpen: true }, (client) => {
    if (noConnections) {
      client.on("error", () => {});
      reset(client);
      return;
    }
    const passage: Passage = new Passage(
      client,
      target,
      weather,
      () => noUpgrades,
      () => passages.delete(passage),
    );
    passages.add(passage);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;

  const cutAll = () => {
    for (const passage of passages) passage.cut();
  };
  const change = (weatherNow: Partial<Weather>) => {
    Object.assign(weather, weatherNow);
    for (const passage of passages) passage.pump();
  };

  return {
    port,
    url: `http://127.0.0.1:${port}`,
    get size() {
      return passages.size;
    },
    cutAll,
    blackhole: (hole) => change({ hole }),
    refuseUpgrades: (on) => {
      noUpgrades = on;
    },
    refuseConnections: (on) => {
      noConnections = on;
    },
    delay: (delay) => change({ delay }),
    target: (next) => {
      target = next;
    },
    async close() {
      const closed = once(server, "close");
      server.close();
      cutAll();
      await closed;
    },
  };
}
