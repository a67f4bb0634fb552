import type { Peer } from "../peers.ts";
import type { Scenario, Series, Stage } from "../scenarios/scenario.ts";
import { stopAll } from "./process.ts";
import { type Result, type Row, rowOf } from "./report.ts";
import type { Sample, Scale } from "./round.ts";

const TIMEOUT = 240_000;

let fail: (error: Error) => void = () => {};
process.on("uncaughtException", (error) => fail(error));

/** What does not end in time has failed, and so has what throws where nobody waits for it. */
function bounded<T>(act: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error("it did not end in time")), TIMEOUT);
  });
  const thrown = new Promise<never>((_, reject) => {
    fail = reject;
  });
  return Promise.race([act, late, thrown]).finally(() => clearTimeout(timer));
}

/** A server at some work: set up once, measured in several rounds. */
class Contestant<S extends Stage> {
  readonly #name: string;
  readonly #peer: Peer;
  #samples: Sample[] = [];
  #stage: S | null = null;

  constructor(name: string, peer: Peer) {
    this.#name = name;
    this.#peer = peer;
  }

  setUp(open: (peer: Peer) => Promise<S>): Promise<void> {
    return this.#attempt(async () => {
      this.#stage = await open(this.#peer);
    });
  }

  /** Nothing more is done with a server that has failed. */
  play(act: (stage: S) => Promise<Sample | undefined>): Promise<void> {
    return this.#attempt(async () => {
      if (this.#stage === null || this.#failed) return;
      const sample = await act(this.#stage);
      if (sample) this.#samples.push(sample);
    });
  }

  async takeDown(): Promise<void> {
    await this.#stage?.close();
  }

  /** Of what was measured since the last one. */
  row(size?: number): Row {
    const row = rowOf({ server: this.#name, note: this.#peer.note, size }, this.#samples);
    if (!this.#failed) this.#samples = [];
    return row;
  }

  get #failed(): boolean {
    return this.#samples.some(({ failure }) => failure !== undefined);
  }

  async #attempt(act: () => Promise<void>): Promise<void> {
    try {
      await bounded(act());
    } catch (error) {
      const failure = error instanceof Error ? error.message : String(error);
      this.#samples.push({ cost: 0, memory: 0, serverShare: 0, loadShare: 0, otherShare: 0, failure });
    }
  }
}

/** How a contest is held. */
export interface Rules {
  readonly servers: readonly string[];
  readonly rounds: number;
  readonly scale: Scale;
}

export async function measure(work: Scenario | Series, rules: Rules): Promise<Result> {
  const { name, title, unit } = work;
  const series = "sizes" in work;
  const rows = await (series ? measureSeries(work, rules) : measureScenario(work, rules));
  await stopAll();
  return { scenario: name, title, unit, ...(series ? { axis: work.axis } : {}), rows };
}

function contestants<S extends Stage>({ peers }: Scenario | Series, servers: readonly string[]) {
  const chosen = Object.entries(peers).filter(([name]) => servers.includes(name));
  return chosen.map(([name, peer]) => new Contestant<S>(name, peer));
}

/** In turns: whatever else the machine does troubles all alike. */
async function measureScenario(scenario: Scenario, { servers, rounds, scale }: Rules): Promise<Row[]> {
  const all = contestants<Stage>(scenario, servers);
  for (const contestant of all) await contestant.setUp((peer) => scenario.open(peer, scale));
  for (let turn = 0; turn < Math.min(rounds, scenario.rounds ?? rounds); turn += 1)
    for (const contestant of all) await contestant.play((stage) => stage.round());
  for (const contestant of all) await contestant.takeDown();
  return all.map((contestant) => contestant.row());
}

/** One server after the other: there cannot be so many connections to all of them. */
async function measureSeries(series: Series, { servers, rounds, scale }: Rules): Promise<Row[]> {
  const rows: Row[] = [];
  for (const contestant of contestants<Awaited<ReturnType<Series["open"]>>>(series, servers)) {
    await contestant.setUp((peer) => series.open(peer, scale));
    for (const size of series.sizes(scale)) {
      await contestant.play(async (stage) => {
        await stage.grow(size);
        return undefined;
      });
      for (let turn = 0; turn < rounds; turn += 1) await contestant.play((stage) => stage.round());
      rows.push(contestant.row(size));
    }
    await contestant.takeDown();
  }
  return rows;
}
