/**
 * npm run bench                                       everything: ten minutes and more
 * npm run bench -- --quick                            one short round on the servers that matter most: about two minutes
 * npm run bench -- --only fanout,action --servers floor,actionwire --rounds 5
 */
import { parseArgs } from "node:util";
import { describeMachine, keepApart } from "./lib/machine.ts";
import { stopAll } from "./lib/process.ts";
import { type Result, type Row, rowOf, table, write } from "./lib/report.ts";
import type { Sample, Scale } from "./lib/round.ts";
import type { Peer } from "./peers.ts";
import { scenarios } from "./scenarios/index.ts";
import type { Scenario, Stage } from "./scenarios/scenario.ts";

const { values } = parseArgs({
  options: {
    quick: { type: "boolean", default: false },
    only: { type: "string" },
    servers: { type: "string" },
    rounds: { type: "string" },
  },
});

const FULL: Scale = { warm: 1.5, measured: 1.5, connections: 1_500, rooms: 200, members: [5_000, 20_000] };
const QUICK: Scale = { warm: 0.6, measured: 0.6, connections: 600, rooms: 40, members: [1_000, 3_000] };
const QUICK_SERVERS = "floor,ws,socket.io,actionwire";
const scale = values.quick ? QUICK : FULL;
const rounds = Number(values.rounds ?? (values.quick ? 1 : 3));
const TIMEOUT = 120_000;

/** Those that were named; all when none were. */
function named(given: string | undefined, all: readonly string[], what: string): readonly string[] {
  const names = given?.split(",") ?? all;
  const unknown = names.find((name) => !all.includes(name));
  if (unknown !== undefined) throw new Error(`no ${what} "${unknown}"; there are: ${all.join(", ")}`);
  return names;
}

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

/** A server in a scenario: set up once, measured in several rounds. */
class Contestant {
  readonly name: string;
  readonly #samples: Sample[] = [];
  readonly #peer: Peer;
  #stage: Stage | null = null;

  constructor(name: string, peer: Peer) {
    this.name = name;
    this.#peer = peer;
  }

  setUp(scenario: Scenario): Promise<void> {
    return this.#attempt(async () => {
      this.#stage = await scenario.open(this.#peer, scale);
    });
  }

  play(): Promise<void> {
    return this.#attempt(async () => {
      if (this.#stage !== null) this.#samples.push(await this.#stage.round());
    });
  }

  async takeDown(): Promise<void> {
    await this.#stage?.close();
  }

  get row(): Row {
    return rowOf(this.name, this.#peer.note, this.#samples);
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

async function measure(scenario: Scenario, servers: readonly string[]): Promise<Result> {
  const { name, title, unit, peers } = scenario;
  const contestants = Object.entries(peers)
    .filter(([name]) => servers.includes(name))
    .map(([name, peer]) => new Contestant(name, peer));
  for (const contestant of contestants) await contestant.setUp(scenario);
  // In turns: whatever else the machine does troubles all alike.
  for (let turn = 0; turn < Math.min(rounds, scenario.rounds ?? rounds); turn += 1)
    for (const contestant of contestants) await contestant.play();
  for (const contestant of contestants) await contestant.takeDown();
  await stopAll();
  const rows = contestants.map(({ row }) => row);
  console.log(table(scenario, rows));
  return { scenario: name, title, unit, rows };
}

const chosen = named(
  values.only,
  scenarios.map(({ name }) => name),
  "scenario",
);
const known = [...new Set(scenarios.flatMap(({ peers }) => Object.keys(peers)))];
const servers = named(values.servers ?? (values.quick ? QUICK_SERVERS : undefined), known, "server");

const apart = keepApart();
const machine = describeMachine();
console.log(`${machine}; ${rounds} rounds of ${scale.measured} s`);
if (!apart)
  console.log(
    "!! no taskset, or no second core: servers and load disturb each other, and no figure is worth much",
  );

const results: Result[] = [];
for (const scenario of scenarios)
  if (chosen.includes(scenario.name)) results.push(await measure(scenario, servers));
console.log(`\nwritten to ${write(machine, results)}`);
const failed = results.some(({ rows }) => rows.some(({ failure }) => failure !== undefined));
process.exit(failed ? 1 : 0);
