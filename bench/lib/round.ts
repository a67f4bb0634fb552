import { setTimeout as sleep } from "node:timers/promises";
import type { Stage } from "../scenarios/scenario.ts";
import type { Client, Wire } from "../wire/wire.ts";
import type { Flow, Meter } from "./flow.ts";
import { machineBusy } from "./machine.ts";
import type { Server } from "./process.ts";
import { traffic } from "./sockets.ts";

/** How long and how much; a quick run asks for less of it. */
export interface Scale {
  /** Seconds of its own CPU that a server works before it is measured: however little it gets, it is compiled then. */
  readonly warm: number;
  /** Seconds. */
  readonly measured: number;
  readonly connections: number;
  /** Of `mixed`, 25 connections each. */
  readonly rooms: number;
  readonly members: readonly [few: number, many: number];
}

/** What one round on one server has shown. */
export interface Sample {
  /** In the unit of the scenario. */
  readonly cost: number;
  readonly rate?: number;
  /** Milliseconds. */
  readonly p50?: number;
  readonly p99?: number;
  readonly p999?: number;
  /** That came to receivers, for each operation. */
  readonly bytes?: number;
  /** MiB. */
  readonly memory: number;
  /** Of a core. */
  readonly serverShare: number;
  /** Of a core. */
  readonly loadShare: number;
  /** Of a core, by whatever else ran on the machine. */
  readonly otherShare: number;
  /** What was counted wrong: the figures mean nothing. */
  readonly failure?: string;
}

const cpuOf = (servers: readonly Server[]): number => servers.reduce((sum, server) => sum + server.cpu(), 0);

const memoryOf = (servers: readonly Server[]): number =>
  servers.reduce((sum, server) => sum + server.resident(), 0);

function now() {
  const { user, system } = process.cpuUsage();
  return { time: performance.now(), load: user + system, busy: machineBusy(), received: traffic.received };
}

/** What is used between two moments. */
export class Watch {
  readonly #servers: readonly Server[];
  readonly #begin = now();
  readonly #cpu: number;

  constructor(servers: readonly Server[]) {
    this.#servers = servers;
    this.#cpu = cpuOf(servers);
  }

  /** `µs` of the servers' CPU. */
  read() {
    const { time, load, busy, received } = now();
    const micros = cpuOf(this.#servers) - this.#cpu;
    const loading = load - this.#begin.load;
    const elapsed = (time - this.#begin.time) * 1000;
    return {
      micros,
      seconds: elapsed / 1e6,
      bytes: received - this.#begin.received,
      serverShare: micros / elapsed,
      loadShare: loading / elapsed,
      otherShare: Math.max(0, busy - this.#begin.busy - micros - loading) / elapsed,
      memory: memoryOf(this.#servers) / 1024,
    };
  }
}

interface Play {
  readonly servers: readonly Server[];
  readonly clients: readonly Client[];
  readonly flows: readonly Flow[];
  readonly meter: Meter;
  /** Has a flow begin. */
  begin(flow: Flow): void;
}

/** Has flows go until their servers are warm; then each round counts what a while of it costs. */
export async function stage(play: Play, { warm, measured }: Scale): Promise<Stage> {
  const { servers, clients, flows, meter } = play;
  const go = async (enough: () => boolean): Promise<void> => {
    for (const flow of flows) play.begin(flow);
    do await sleep(100);
    while (!enough());
    await Promise.all(flows.map((flow) => flow.drain()));
  };
  const cold = cpuOf(servers);
  await go(() => cpuOf(servers) - cold > warm * 1e6);
  return {
    async round() {
      meter.reset();
      const watch = new Watch(servers);
      const until = performance.now() + measured * 1000;
      await go(() => performance.now() > until);
      const { micros, seconds, bytes, ...used } = watch.read();
      const { deliveries, latency } = meter;
      const failure = flows.find((flow) => flow.failure !== null)?.failure;
      return {
        cost: micros / deliveries,
        rate: deliveries / seconds,
        p50: latency.quantile(0.5),
        p99: latency.quantile(0.99),
        p999: latency.quantile(0.999),
        bytes: bytes / deliveries,
        ...used,
        ...(failure ? { failure } : {}),
      };
    },
    async close() {
      await Promise.all(servers.map((server) => server.stop()));
      for (const client of clients) client.close();
    },
  };
}

/** Opens so many connections, some at a time, in the order of their rooms; `opened` is told how long each one took. */
export async function crowd(
  wire: Wire,
  port: number,
  count: number,
  { atATime = 50, roomOf = (_index: number): number => 0, opened = (_ms: number) => {} } = {},
): Promise<Client[]> {
  const clients: Client[] = new Array(count);
  let begun = 0;
  const worker = async (): Promise<void> => {
    while (begun < count) {
      const index = begun++;
      const since = performance.now();
      clients[index] = await wire.open(port, roomOf(index));
      opened(performance.now() - since);
    }
  };
  await Promise.all(Array.from({ length: atATime }, worker));
  return clients;
}
