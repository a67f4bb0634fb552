import { setTimeout as sleep } from "node:timers/promises";
import type { Stage } from "../scenarios/scenario.ts";
import type { Client, Wire } from "../wire/wire.ts";
import { type Door, traffic } from "./dial.ts";
import type { Flow, Meter } from "./flow.ts";
import { machineBusy } from "./machine.ts";
import type { Server } from "./process.ts";

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
  /** Of `growth`: connections at most. */
  readonly most: number;
  /** Of `idle`: seconds before it is measured, and in which it is. */
  readonly idle: readonly [settling: number, measured: number];
  /** Clients that are cut off and come back. */
  readonly returning: number;
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
  /** Milliseconds by which the event loop came late: 99 of 100 times no more. Of several nodes, of the worst. */
  readonly late?: number;
  /** Of the servers' CPU time, what collecting garbage took. */
  readonly garbage?: number;
  /** How many there were. */
  readonly connections?: number;
  /** Of a core, what the same connections cost when nothing is said. */
  readonly atRest?: number;
  /** Seconds until the last was done. */
  readonly last?: number;
  /** At Redis, for each operation. */
  readonly scripts?: number;
  readonly commands?: number;
  /** MiB. */
  readonly memory: number;
  /** Of a core. */
  readonly serverShare: number;
  /** Of a core. */
  readonly loadShare: number;
  /** Of a core, by whatever else ran on the machine. */
  readonly otherShare: number;
  /** What went wrong: the figures mean nothing. */
  readonly failure?: string;
}

/** Milliseconds in which something has to come. */
const PATIENCE = 5_000;

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

  /** One that looks for pauses, too. */
  static async observing(servers: readonly Server[]): Promise<Watch> {
    await Promise.all(servers.map((server) => server.observe()));
    return new Watch(servers);
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

  /** The pauses of servers that used so many `µs`; nothing where none can tell. */
  async pauses(micros: number): Promise<{ readonly late?: number; readonly garbage?: number }> {
    const told = await Promise.all(this.#servers.map((server) => server.observed()));
    const pauses = told.filter((one) => one !== null);
    if (pauses.length === 0) return {};
    const collecting = pauses.reduce((sum, one) => sum + one.collecting, 0);
    return {
      late: Math.max(...pauses.map(({ late }) => late)),
      garbage: (collecting * 1000) / micros,
    };
  }
}

interface Play {
  readonly servers: readonly Server[];
  readonly clients: readonly Client[];
  readonly flows: readonly Flow[];
  readonly meter: Meter;
  /** Has a flow begin. */
  begin(flow: Flow, index: number): void;
}

/** Has flows go until their servers are warm; then each round counts what a while of it costs. */
export async function stage(
  play: Play,
  { warm, measured }: Pick<Scale, "warm" | "measured">,
): Promise<Stage & { warmUp(): Promise<void> }> {
  const { servers, clients, flows, meter } = play;
  const go = async (enough: () => boolean): Promise<void> => {
    for (const [index, flow] of flows.entries()) play.begin(flow, index);
    let [seen, since] = [-1, 0];
    do {
      if (meter.deliveries !== seen) [seen, since] = [meter.deliveries, performance.now()];
      await sleep(100);
    } while (!enough() && performance.now() - since < PATIENCE);
    await Promise.all(flows.map((flow) => flow.drain()));
    for (const { failure } of flows) if (failure !== null) throw new Error(failure);
  };
  const warmUp = async (): Promise<void> => {
    const cold = cpuOf(servers);
    await go(() => cpuOf(servers) - cold > warm * 1e6);
  };
  await warmUp();
  return {
    warmUp,
    async round() {
      meter.reset();
      const watch = await Watch.observing(servers);
      const until = performance.now() + measured * 1000;
      await go(() => performance.now() > until);
      const { micros, seconds, bytes, ...used } = watch.read();
      const pauses = await watch.pauses(micros);
      const { deliveries, latency } = meter;
      return {
        cost: micros / deliveries,
        rate: deliveries / seconds,
        p50: latency.quantile(0.5),
        p99: latency.quantile(0.99),
        p999: latency.quantile(0.999),
        bytes: bytes / deliveries,
        ...used,
        ...pauses,
      };
    },
    async close() {
      await Promise.all(servers.map((server) => server.stop()));
      for (const client of clients) client.close();
    },
  };
}

/** Does something for each number below `count`, so many at a time; `done` is told how long each one took. */
export async function each(
  count: number,
  atATime: number,
  act: (index: number) => Promise<void>,
  done: (ms: number) => void = () => {},
): Promise<void> {
  let begun = 0;
  const worker = async (): Promise<void> => {
    while (begun < count) {
      const index = begun++;
      const since = performance.now();
      await act(index);
      done(performance.now() - since);
    }
  };
  await Promise.all(Array.from({ length: atATime }, worker));
}

/** Opens so many connections, some at a time, in the order of their rooms; `opened` is told how long each one took. */
export async function crowd(
  wire: Wire,
  door: Door,
  count: number,
  { atATime = 50, roomOf = (_index: number): number => 0, opened = (_ms: number) => {} } = {},
): Promise<Client[]> {
  const clients: Client[] = new Array(count);
  const open = async (index: number): Promise<void> => {
    clients[index] = await wire.open(door, roomOf(index));
  };
  await each(count, atATime, open, opened);
  return clients;
}
