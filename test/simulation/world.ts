import { z } from "zod";
import { createRunner, defineAction } from "../../src/actions/index.ts";
import { type Config, resolveConfig } from "../../src/config/index.ts";
import type { Engine, EngineSink } from "../../src/engine/contract.ts";
import { type FaultyEngine, faulty, NO_FAULTS } from "../../src/engine/faulty.ts";
import { MemoryStore } from "../../src/engine/index.ts";
import { createNode } from "../../src/node.ts";
import type { Node } from "../../src/node-contract.ts";
import type { Log } from "../../src/ports.ts";
import { type FakeClock, seededRandom } from "../../src/testing/fake-clock.ts";
import type { History } from "./history.ts";
import { Ledger } from "./ledger.ts";
import { type Host, Network, QUIET } from "./network.ts";
import type { Scenario } from "./scenarios.ts";
import { Dice, NodeTime, RESTORED } from "./time.ts";

export const LEASE = 4_000;
/** Milliseconds. More than the 30 s after which a client gives a poll up whose request is lost. */
export const GRACE = 40_000;
const NODES = 3;
/** Milliseconds after which an engine has noticed that pushes were lost. */
const HEARTBEAT = 3_000;

/** Breaks a promise of the engine on purpose. */
export type Planted = (engine: Engine) => Engine;

export interface WorldOptions {
  readonly seed: number;
  readonly scenario: Scenario;
  readonly planted: Planted | undefined;
}

/** One process of the server. */
export class SimulatedNode implements Host {
  readonly number: number;
  readonly clock: NodeTime;
  readonly engine: FaultyEngine;
  readonly node: Node;
  state: "starting" | "running" | "paused" | "stopping" | "gone" = "starting";

  constructor(number: number, clock: NodeTime, engine: FaultyEngine, node: Node) {
    this.number = number;
    this.clock = clock;
    this.engine = engine;
    this.node = node;
  }

  get gateway(): Node["gateway"] {
    return this.node.gateway;
  }

  get alive(): boolean {
    return this.state !== "gone" && this.state !== "starting";
  }

  enter(task: () => void): void {
    this.clock.enter(task);
  }
}

/** Nodes over one store, a network before them, and what goes wrong with all of them. */
export class World {
  readonly clock: FakeClock;
  readonly dice: Dice;
  readonly history: History;
  readonly network: Network;
  readonly ledger: Ledger;
  readonly nodes: SimulatedNode[] = [];
  readonly scenario: Scenario;
  readonly #store: MemoryStore;
  readonly #planted: Planted | undefined;
  readonly #config: Config;
  /** Connections that the store has lost, and whose nodes live. */
  readonly #lost = new Map<string, SimulatedNode>();
  #emptiedAt = Number.NEGATIVE_INFINITY;
  /** How many facts there were when a client was sent away last. */
  readonly #away = new Map<number, number>();
  #faulty = false;
  #started = 0;

  constructor(
    { seed, scenario, planted }: WorldOptions,
    clock: FakeClock,
    history: History,
    arrived: (client: number, text: string) => void,
  ) {
    this.clock = clock;
    this.history = history;
    this.scenario = scenario;
    this.#planted = planted;
    this.dice = new Dice(seededRandom(seed));
    const keeps = scenario.keeps ?? 1_000;
    this.#config = resolveConfig({
      faye: { grace: GRACE / 1000 },
      cluster: { lease: LEASE / 1000, drain: 3 },
      general: { actionTimeout: 8_000 },
    });
    const random = seededRandom(seed ^ 0x5bd1e995);
    this.#store = new MemoryStore({ clock, random, bounds: { maxMessages: keeps } });
    this.ledger = new Ledger(this.#store, history);
    this.network = new Network({
      clock,
      dice: this.dice,
      route: () => this.#route(),
      buffer: scenario.buffer ?? 1_000_000,
      speed: scenario.speed ?? Number.POSITIVE_INFINITY,
      arrived,
      note: (text) => {
        if (history.verbose) history.note(text());
      },
    });
  }

  async start(): Promise<void> {
    await this.ledger.start();
    for (let count = 0; count < NODES; count += 1) this.startNode();
    await this.clock.advance(50);
  }

  get running(): SimulatedNode[] {
    return this.nodes.filter((node) => node.state === "running");
  }

  startNode(): SimulatedNode {
    this.#started += 1;
    const number = this.#started;
    const { history, dice } = this;
    const clock = new NodeTime(this.clock);
    const base = this.ledger.engine(this.#store);
    const engine = faulty(this.#planted ? this.#planted(base) : base, {
      clock: this.clock,
      random: dice.source,
    });
    const log = logOf(history, number);
    const hooks = {};
    const runner = createRunner({
      actions: actionsOf(history, number, clock),
      hooks,
      config: this.#config,
      log,
      clock,
    });
    let sink: EngineSink | undefined;
    const heard: Engine = {
      ...engine,
      start: (id, given) => {
        sink = given;
        return engine.start(id, { ...given, doubt: () => this.#doubted(() => given.doubt()) });
      },
    };
    const node = createNode({
      config: this.#config,
      hooks,
      runner,
      engine: heard,
      clock,
      random: dice.source,
      log,
    });
    const simulated = new SimulatedNode(number, clock, engine, node);
    this.#heartbeat(simulated, () => sink);
    this.nodes.push(simulated);
    history.note(`node ${number} is ${node.api.id}`);
    node.start().then(
      () => {
        if (simulated.state !== "starting") return;
        simulated.state = "running";
        if (this.#faulty) this.#spoil(simulated);
        history.add({ kind: "fault", what: `node ${number} runs` });
      },
      (failure: unknown) => {
        simulated.state = "gone";
        history.note(`node ${number} did not start: ${String(failure)}`);
        if (this.#faulty) this.clock.after(1_000, () => this.startNode());
      },
    );
    return simulated;
  }

  /**
   * An engine finds out that it has lost pushes which no later one betrays (Redis: by its heartbeat on pub/sub), and says so. What
   * nodes say to each other is lost without a word.
   */
  #heartbeat(node: SimulatedNode, sink: () => EngineSink | undefined): void {
    let known = 0;
    const next = (): void => {
      this.clock.after(HEARTBEAT, () => {
        const { pushesLost } = node.engine.tally;
        if (pushesLost > known) node.enter(() => sink()?.doubt());
        known = pushesLost;
        if (node.state !== "gone") next();
      });
    };
    next();
  }

  /** Redis tells with the next renewal of a lease, or as soon as a node has connected again. */
  #doubted(tell: () => void): void {
    if (!this.scenario.empties && !this.scenario.rewinds) tell();
    else this.clock.after(this.dice.between(0, this.dice.chance(0.2) ? 12_000 : 2_000), tell);
  }

  kill(node: SimulatedNode): void {
    const told = this.dice.chance(0.7);
    this.history.add({
      kind: "fault",
      what: `node ${node.number} is killed${told ? "" : ", and nobody is told"}`,
    });
    node.state = "gone";
    node.engine.kill();
    node.clock.kill();
    this.#bereave(node);
    this.network.died(node, told);
  }

  pause(node: SimulatedNode, ms: number): void {
    this.history.add({ kind: "fault", what: `node ${node.number} stands still for ${ms} ms` });
    node.state = "paused";
    node.engine.pause();
    node.clock.pause();
    this.clock.after(ms, () => this.resume(node));
  }

  resume(node: SimulatedNode): void {
    if (node.state !== "paused") return;
    this.history.add({ kind: "fault", what: `node ${node.number} goes on` });
    node.state = "running";
    node.clock.resume();
    node.engine.resume();
  }

  stop(node: SimulatedNode): void {
    this.history.add({ kind: "fault", what: `node ${node.number} stops` });
    node.state = "stopping";
    const gone = (): void => {
      if (node.state !== "stopping") return;
      this.history.add({ kind: "fault", what: `node ${node.number} has stopped` });
      node.state = "gone";
      node.engine.kill();
      node.clock.kill();
      this.#bereave(node);
      this.network.died(node, true);
    };
    node.node.stop(3_000).then(gone, gone);
  }

  // Faults -------------------------------------------------------------------------------------------------

  /** Things go wrong from now on, until `calm`. */
  trouble(clients: readonly number[]): void {
    const { scenario, network, dice } = this;
    this.#faulty = true;
    network.faults = { ...QUIET, ...scenario.network };
    for (const node of this.nodes) this.#spoil(node);
    this.#now_and_then(scenario.cuts, () => network.cut());
    this.#now_and_then(scenario.holes, () => network.swallow());
    this.#now_and_then(scenario.absences, () => this.#absence(dice.pick(clients)));
    this.#now_and_then(scenario.kills, () => this.#replace((node) => this.kill(node)));
    this.#now_and_then(scenario.stops, () => this.#replace((node) => this.stop(node)));
    this.#now_and_then(scenario.pauses, () => {
      if (this.running.length > 1) this.pause(dice.pick(this.running), dice.between(500, 3 * LEASE));
    });
    this.#now_and_then(scenario.outages, () => this.#outage(dice.between(300, 2 * LEASE)));
    this.#now_and_then(scenario.empties, () => this.#lose(() => this.#store.clear()));
    this.#now_and_then(scenario.rewinds, () => {
      this.#store.save();
      this.clock.after(dice.between(50, 4_000), () => {
        if (this.#faulty) this.#lose(() => this.#store.rewind());
      });
    });
    this.#now_and_then(scenario.partitions, () => this.#partition(dice.between(300, 3 * LEASE)));
  }

  /** Nothing goes wrong any more, and what was broken is mended. */
  calm(dead: ReadonlySet<number>): void {
    this.#faulty = false;
    this.network.faults = QUIET;
    for (const client of [...this.network.offline]) if (!dead.has(client)) this.network.back(client);
    this.#store.recover();
    for (const node of this.nodes) {
      node.engine.faults = NO_FAULTS;
      this.resume(node);
    }
    while (this.nodes.filter((node) => node.state === "running" || node.state === "starting").length < 2)
      this.startNode();
    // What the store lost a moment ago is told again first.
    const rest = this.#emptiedAt + RESTORED - this.clock.monotonic();
    this.clock.after(Math.max(0, rest), () => this.history.add({ kind: "calm" }));
  }

  #now_and_then(mean: number | undefined, strike: () => void): void {
    if (!mean) return;
    const next = (): void => {
      this.clock.after(this.dice.between(mean / 4, (7 * mean) / 4), () => {
        if (!this.#faulty) return;
        strike();
        next();
      });
    };
    next();
  }

  #spoil(node: SimulatedNode): void {
    node.engine.faults = { ...NO_FAULTS, ...this.scenario.engine };
  }

  #replace(end: (node: SimulatedNode) => void): void {
    const { running } = this;
    if (running.length < 2) return;
    end(this.dice.pick(running));
    const start = (): void => {
      // A node that knows only the empty store cannot tell who is unknown (docs/decisions/0004-empty-store.md).
      const young = this.#emptiedAt + LEASE - this.clock.monotonic();
      if (young > 0) this.clock.after(young, start);
      else if (this.#faulty) this.startNode();
    };
    this.clock.after(this.dice.between(500, 8_000), start);
  }

  #absence(client: number): void {
    if (this.network.offline.has(client) || this.#unheard(client)) return;
    const ms = this.dice.between(200, this.scenario.absence ?? 5_000);
    this.history.add({ kind: "fault", what: `client ${client} is away for ${ms} ms` });
    this.network.away(client);
    this.#away.set(client, this.history.facts.length);
    this.clock.after(ms, () => {
      if (this.#faulty) this.network.back(client);
    });
  }

  /** It has heard nothing since it was away: away again, it might be so for longer than the grace, which is `rebuilds`. */
  #unheard(client: number): boolean {
    const since = this.#away.get(client);
    if (since === undefined) return false;
    return !this.history.facts
      .slice(since)
      .some((fact) => (fact.kind === "heard" || fact.kind === "id") && fact.client === client);
  }

  #outage(ms: number): void {
    this.history.add({ kind: "fault", what: `the engine is away for ${ms} ms` });
    this.#store.fail();
    this.clock.after(ms, () => this.#store.recover());
  }

  #lose(restart: () => void): void {
    const { connections } = this.#store;
    this.ledger.emptied();
    this.#emptiedAt = this.clock.monotonic();
    for (const node of this.nodes) {
      for (const id of connections.owned(node.node.api.id, null, Number.POSITIVE_INFINITY)) {
        if (node.alive) this.#lost.set(id, node);
        else this.history.add({ kind: "orphaned", connection: id });
      }
    }
    for (const { engine } of this.nodes) engine.cut();
    restart();
  }

  /** Nobody knows any more what only this node could have registered again. */
  #bereave(node: SimulatedNode): void {
    for (const [id, owner] of this.#lost) {
      if (owner !== node || this.#store.connections.read(id) !== null) continue;
      this.#lost.delete(id);
      this.history.add({ kind: "orphaned", connection: id });
    }
  }

  #partition(ms: number): void {
    const { running } = this;
    if (running.length === 0) return;
    const node = this.dice.pick(running);
    this.history.add({ kind: "fault", what: `node ${node.number} does not reach the engine for ${ms} ms` });
    const lost = { lose: 1, repeat: 0, delay: [0, 0] } as const;
    node.engine.faults = {
      ...NO_FAULTS,
      ...this.scenario.engine,
      lose: 1,
      refuse: 0,
      forget: 0,
      late: 0,
      pushes: lost,
      messages: lost,
    };
    this.clock.after(ms, () => {
      if (this.#faulty) this.#spoil(node);
    });
  }

  /** Any node for any request; a balancer is a little late in noticing what has died. */
  #route(): SimulatedNode | undefined {
    const able = this.nodes.filter((node) => node.state === "running" || node.state === "paused");
    return able.length === 0 ? undefined : this.dice.pick(able);
  }
}

function actionsOf(history: History, node: number, clock: NodeTime) {
  const inputs = z.object({ call: z.string(), takes: z.number() });
  const kinds = [
    { name: "plain" },
    { name: "idempotent", idempotent: true },
    { name: "journal", journal: true },
  ];
  return kinds.map((kind) =>
    defineAction({
      ...kind,
      description: "counts",
      inputs,
      run: async ({ params: { call, takes } }) => {
        history.add({ kind: "ran", call, node });
        if (takes > 0) await new Promise<void>((resolve) => void clock.after(takes, resolve));
        return { done: call };
      },
    }),
  );
}

/** What is logged as an error is one; all else is for whoever reads a replay. */
function logOf(history: History, node: number): Log {
  const say = (level: string) => (fields: object, message: string) => {
    if (history.verbose) history.note(`node ${node} ${level}: ${message} ${brief(fields)}`);
  };
  return {
    debug: say("debug"),
    info: say("info"),
    warn: say("warn"),
    error: (fields, message) => {
      history.add({ kind: "error", what: `node ${node}: ${message} ${brief(fields)}` });
    },
  };
}

function brief(fields: object): string {
  const { err, ...rest } = fields as { err?: unknown };
  const text = JSON.stringify(rest);
  return err === undefined
    ? text
    : `${text} ${err instanceof Error ? (err.stack ?? err.message) : String(err)}`;
}
