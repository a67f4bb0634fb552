import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { ActionHeroWebSocket } from "../../src/client/index.ts";
import { seededRandom } from "../../src/testing/fake-clock.ts";
import type { Counter } from "../simulation/asker.ts";
import { judge } from "../simulation/checker.ts";
import type { Fact } from "../simulation/history.ts";
import type { Scenario as Simulated } from "../simulation/scenarios.ts";
import { Dice, RESTORED } from "../simulation/time.ts";
import { freePort } from "../support/process.ts";
import { RedisServer } from "../support/redis-server.ts";
import { Balancer } from "./balancer.ts";
import { ClusterNode, compileNode, homeOf } from "./cluster.ts";
import { Player, type TransportName } from "./player.ts";
import { Recorder } from "./recorder.ts";
import type { Scenario } from "./scenarios.ts";
import { fayeWithAllTransports } from "./transports.ts";

export interface ChaosOptions {
  readonly seed: number;
  readonly scenario: Scenario;
  readonly seconds: number;
  readonly clients: number;
  readonly rooms: number;
  /** Mean milliseconds between two things that one client does. */
  readonly pause: number;
  /** The clients use them in turn. */
  readonly transports: readonly TransportName[];
  readonly planted?: string | undefined;
  readonly verbose?: boolean;
  /** A file for all that nodes log. */
  readonly log?: string | undefined;
}

export interface ChaosRun {
  readonly violations: readonly string[];
  readonly figures: { readonly [name: string]: number };
  /** What the clients wrote down, each with the milliseconds since the beginning. */
  readonly facts: readonly (Fact & { readonly at: number })[];
}

const NODES = 3;
const LEASE = 3_000;
/** Two of the clients say nothing and listen everywhere, so that no entry of any log is unheard of. */
const LISTENERS = 2;
/** A balancer that looks after its nodes leaves out what has not answered for so long. */
const UNHEALTHY = 1_500;
/** Everybody is back after this, at the latest, once nothing goes wrong any more; and then sees the same. */
const PATIENCE = 60_000;
const SETTLED = 20_000;
const PRESENCE = 20_000;
/** Milliseconds for which Redis stands still, and then a node that is in the middle of something. */
const FORMER = { freeze: 500, pause: 1.5 * LEASE } as const;
/** Seconds. Who leaves while its node is in trouble may not be heard, and goes when this is over. */
const GRACE = 120;
const SHORT_GRACE = 20;

export async function chaos(options: ChaosOptions): Promise<ChaosRun> {
  const stage = new Stage(options);
  try {
    return await stage.run();
  } finally {
    await stage.close();
  }
}

class Stage {
  readonly #options: ChaosOptions;
  readonly #record: Recorder;
  /** Draws the schedule; players and balancer have dice of their own, so that what they do does not change it. */
  readonly #dice: Dice;
  readonly #balancer: Balancer;
  readonly #players: Player[] = [];
  readonly #nodes: ClusterNode[] = [];
  readonly #figures: { [name: string]: number } = {};
  readonly #ran: string;
  readonly #timers = new Set<NodeJS.Timeout>();
  readonly #views: Fact[] = [];
  #redis: RedisServer | null = null;
  #program: string | null = null;
  #trouble = false;
  readonly #unhealthy = new Set<number>();
  /** What trouble has begun and not yet ended. */
  readonly #underWay = new Set<Promise<unknown>>();

  constructor(options: ChaosOptions) {
    this.#options = options;
    const { kills, empties } = options.scenario;
    this.#record = new Recorder(options.verbose ?? false, kills !== undefined && empties !== undefined);
    this.#dice = new Dice(seededRandom(options.seed));
    this.#ran = join(mkdtempSync(join(tmpdir(), "actionwire-chaos-")), "ran");
    this.#balancer = new Balancer(() => this.#route(), new Dice(seededRandom(options.seed ^ 0x5bd1e995)));
  }

  async run(): Promise<ChaosRun> {
    const { seconds, pause, scenario } = this.#options;
    await this.#start();
    let working = true;
    for (const player of this.#speakers) player.work(pause, () => working);
    this.#begin();
    const leaving = scenario.departures ? this.#speakers.slice(0, Math.ceil(this.#speakers.length / 10)) : [];
    for (const player of leaving) {
      const at = this.#dice.between(1_000, seconds * 1_000);
      this.#timers.add(setTimeout(() => player.hangUp(), at));
    }
    await sleep(seconds * 1_000);
    working = false;
    await this.#calm();
    await this.#settle();
    // Whoever is connected can be heard by all others.
    for (const player of this.#speakers) if (!player.left) player.say();
    await this.#settle();
    await this.#gone();
    await this.#quiet();
    await this.#ending();
    return this.#judge();
  }

  async close(): Promise<void> {
    this.#trouble = false;
    for (const timer of this.#timers) clearTimeout(timer);
    this.#redis?.thaw();
    await Promise.allSettled(this.#nodes.map((node) => node.close()));
    this.#balancer.close();
    // With nobody to answer, this is over at once or after two seconds.
    await Promise.allSettled(this.#players.map(({ client }) => client.disconnect()));
    await this.#redis?.stop();
    rmSync(join(this.#ran, ".."), { recursive: true, force: true });
    if (this.#program) rmSync(homeOf(this.#program), { recursive: true, force: true });
  }

  get #speakers(): Player[] {
    return this.#players.slice(LISTENERS);
  }

  #count(what: string): void {
    this.#figures[what] = (this.#figures[what] ?? 0) + 1;
  }

  // Before ---------------------------------------------------------------------------------------------------

  async #start(): Promise<void> {
    const { clients, rooms: many, planted = null, log = null, scenario } = this.#options;
    const [redis, program] = await Promise.all([RedisServer.start(), compileNode()]);
    this.#redis = redis;
    this.#program = program;
    const { keeps = 1_000 } = scenario;
    const grace = scenario.departures ? SHORT_GRACE : GRACE;
    // So that a former owner goes on with what it had begun, and does not find that it took too long.
    const commandTimeout = scenario.formers === undefined ? null : 10 * LEASE;
    const given = {
      redis: redis.url,
      ran: this.#ran,
      keeps,
      lease: LEASE,
      grace,
      commandTimeout,
      planted,
      log,
    };
    for (let number = 1; number <= NODES; number += 1) {
      const settings = { ...given, port: await freePort() };
      this.#nodes.push(
        new ClusterNode(number, program, settings, (what) => this.#record.add({ kind: "error", what })),
      );
    }
    await Promise.all(this.#nodes.map((node) => node.start()));
    const host = await this.#balancer.listen();
    const faye = fayeWithAllTransports();
    const rooms = ["defaultRoom", ...Array.from({ length: many - 1 }, (_, at) => `room ${at + 1}`)];
    const counter: Counter = { next: 1 };
    const { restless = false } = scenario;
    const dice = new Dice(seededRandom(this.#options.seed ^ 0x3c6ef372));
    const shared = { host, faye, record: this.#record, dice, counter, rooms, restless };
    for (let number = 1; number <= clients; number += 1) {
      const listener = number <= LISTENERS;
      const { transports } = this.#options;
      const transport = listener ? "websocket" : transports[number % transports.length]!;
      this.#players.push(new Player({ ...shared, number, transports: [transport] }));
    }
    for (const player of this.#players.slice(0, LISTENERS)) {
      await player.connect();
      await Promise.all(rooms.slice(1).map((room) => player.listen(room)));
    }
    // Not all at once: two cores have three nodes to run.
    for (let at = 0; at < this.#speakers.length; at += 10) {
      const some = this.#speakers.slice(at, at + 10);
      for (const player of some) {
        const room = this.#dice.pick(rooms);
        player.connect().then(() => player.roomChange(room));
      }
      const connected = (): boolean => some.every(({ client }) => client.state === "connected");
      const until = performance.now() + 1_000;
      while (!connected() && performance.now() < until) await sleep(20);
    }
    await this.#settle();
  }

  /** Ports of the nodes that a balancer holds for well. */
  #route(): number[] {
    const well = this.#nodes.filter(
      ({ state, number }) => state !== "starting" && !this.#unhealthy.has(number),
    );
    return well.map(({ port }) => port);
  }

  // Trouble --------------------------------------------------------------------------------------------------

  #begin(): void {
    this.#trouble = true;
    const { scenario } = this.#options;
    const dice = this.#dice;
    this.#every(scenario.kills, true, () => this.#kill());
    this.#every(scenario.pauses, false, () => this.#pause(dice.between(LEASE * 1.2, LEASE * 2.5)));
    this.#every(scenario.cuts, false, () => {
      if (this.#balancer.cut()) this.#count("cuts");
    });
    this.#every(scenario.holes, false, () => {
      if (this.#balancer.swallow(dice.between(1_000, 15_000))) this.#count("black holes");
    });
    this.#every(scenario.freezes, false, () => this.#freeze(dice.between(500, 5_000)));
    this.#every(scenario.formers, true, () => this.#former());
    this.#every(scenario.empties, false, () => this.#empty());
  }

  /** Exactly so often, or about so often. */
  #every(mean: number | undefined, exactly: boolean, strike: () => unknown): void {
    if (mean === undefined) return;
    const again = (): void => {
      const timer = setTimeout(
        () => {
          this.#timers.delete(timer);
          if (!this.#trouble) return;
          again();
          const done = Promise.resolve(strike()).catch((error: unknown) =>
            this.#record.add({ kind: "error", what: `the tool: ${error}` }),
          );
          this.#underWay.add(done);
          done.then(() => this.#underWay.delete(done));
        },
        exactly ? mean : this.#dice.between(mean / 4, (7 * mean) / 4),
      );
      this.#timers.add(timer);
    };
    again();
  }

  #fault(what: string): void {
    this.#record.add({ kind: "fault", what });
  }

  async #kill(): Promise<void> {
    const running = this.#nodes.filter(({ state }) => state === "running");
    // One is left, so that somebody is there; or nobody would find out what it does meanwhile.
    if (running.length < 2 || this.#emptying) return;
    const node = this.#dice.pick(running);
    this.#count("kills");
    this.#fault(`node ${node.number} is killed`);
    await node.kill();
    // A node that knows only the empty store cannot tell who is unknown (docs/decisions/0004-empty-store.md).
    while (performance.now() - this.#emptiedAt < LEASE) await sleep(100);
    await node.start();
    this.#fault(`node ${node.number} is back`);
  }

  async #pause(ms: number): Promise<void> {
    const running = this.#nodes.filter(({ state }) => state === "running");
    if (running.length < 2) return;
    const node = this.#dice.pick(running);
    this.#count("pauses");
    this.#fault(`node ${node.number} stands still for ${Math.round(ms)} ms`);
    node.pause();
    const noticed = setTimeout(() => this.#unhealthy.add(node.number), UNHEALTHY);
    await sleep(ms);
    clearTimeout(noticed);
    this.#unhealthy.delete(node.number);
    node.resume();
    this.#fault(`node ${node.number} goes on`);
  }

  #frozen = false;

  async #freeze(ms: number): Promise<void> {
    if (this.#frozen) return;
    this.#frozen = true;
    this.#count("freezes of Redis");
    this.#fault(`Redis stands still for ${ms} ms`);
    this.#redis?.freeze();
    await sleep(ms);
    this.#redis?.thaw();
    this.#frozen = false;
    this.#fault("Redis goes on");
  }

  /** What its clients ask while Redis stands still, a node has begun and not finished when it is stopped. */
  async #former(): Promise<void> {
    const running = this.#nodes.filter(({ state }) => state === "running");
    if (running.length < NODES) return;
    const node = this.#dice.pick(running);
    this.#count("former owners");
    this.#fault(`node ${node.number} stands still in the middle of what it does`);
    this.#redis?.freeze();
    await sleep(FORMER.freeze);
    node.pause();
    this.#unhealthy.add(node.number);
    this.#redis?.thaw();
    this.#balancer.abandon(node.port);
    await sleep(FORMER.pause);
    node.resume();
    this.#unhealthy.delete(node.number);
    this.#fault(`node ${node.number} goes on`);
  }

  #emptiedAt = Number.NEGATIVE_INFINITY;

  #emptying = false;

  async #empty(): Promise<void> {
    // A node that is just being started would know only the empty store, too.
    this.#emptying = true;
    const until = performance.now() + 3 * LEASE;
    while (this.#nodes.some(({ state }) => state === "starting") && performance.now() < until)
      await sleep(100);
    await sleep(LEASE / 4);
    this.#emptying = false;
    this.#count("restarts of Redis");
    this.#fault("Redis is killed");
    await this.#redis?.kill();
    this.#record.add({ kind: "emptied" });
    this.#emptiedAt = performance.now();
    await this.#redis?.restart();
    this.#fault("Redis is back, empty");
  }

  /** Nothing goes wrong any more, and what was broken is mended. */
  async #calm(): Promise<void> {
    this.#trouble = false;
    for (const timer of this.#timers) clearTimeout(timer);
    await Promise.all(this.#underWay);
    this.#balancer.heal();
    // What the store lost a moment ago is told again first.
    await sleep(Math.max(0, this.#emptiedAt + RESTORED - performance.now()));
    this.#record.add({ kind: "calm" });
  }

  // After ----------------------------------------------------------------------------------------------------

  /** Milliseconds. A broken engine may never settle, and what it broke is in the record by then. */
  #patience(ms: number): number {
    return this.#options.planted === undefined ? ms : Math.min(ms, 6_000);
  }

  async #settle(): Promise<void> {
    const settled = ({ left, open, client }: Player): boolean =>
      open.size === 0 && (left || client.state === "connected");
    const until = performance.now() + this.#patience(PATIENCE);
    while (!this.#players.every(settled) && performance.now() < until) await sleep(100);
  }

  /** Whoever left unheard, because its node was in trouble just then, goes when its grace is over. */
  async #gone(): Promise<void> {
    const left = this.#players.filter((player) => player.left);
    const until = performance.now() + 1_000 * SHORT_GRACE + 4 * LEASE;
    while (left.some(({ number }) => this.#record.inside(number)) && performance.now() < until)
      await sleep(500);
  }

  /** Until nobody hears anything any more. */
  async #quiet(): Promise<void> {
    const until = performance.now() + this.#patience(SETTLED);
    let before = -1;
    while (before !== this.#record.facts.length && performance.now() < until) {
      before = this.#record.facts.length;
      await sleep(2_000);
    }
  }

  /** How everybody stands, and who every node says is in the rooms. */
  async #ending(): Promise<void> {
    const standing: Fact[] = [];
    const rooms = new Set(["defaultRoom"]);
    for (const { number, client, left } of this.#players) {
      const { state, id: connection, room } = client;
      if (room !== null) rooms.add(room);
      if (!left) standing.push({ kind: "stands", client: number, state, connection, room });
    }
    for (let at = 1; at < this.#options.rooms; at += 1) rooms.add(`room ${at}`);
    // Whoever looks enters a room himself: that is no part of the record.
    this.#record.close(standing);
    // Presence may be late, by what its bound says; the last look counts.
    const until =
      performance.now() +
      this.#patience(PRESENCE) +
      (this.#options.scenario.departures ? 2_000 * SHORT_GRACE : 0);
    do {
      this.#views.length = 0;
      for (const node of this.#nodes) this.#views.push(...(await this.#view(node, [...rooms])));
      if (!disagree(standing, this.#views)) return;
      await sleep(1_000);
    } while (performance.now() < until);
  }

  async #view(node: ClusterNode, rooms: readonly string[]): Promise<Fact[]> {
    const facts: Fact[] = [];
    const viewer = new ActionHeroWebSocket({ host: node.url, transports: ["websocket"] });
    await viewer.connect();
    for (const room of rooms) {
      const view = await viewer.roomView({ room });
      const { members } = view.data as { members: { [id: string]: { state: string } } };
      const connections: string[] = [];
      for (const [id, { state }] of Object.entries(members)) {
        if (id === viewer.id) continue;
        connections.push(id);
        if (state !== "online")
          facts.push({ kind: "error", what: `node ${node.number} says ${id} is ${state} in ${room}` });
      }
      facts.push({ kind: "members", room, connections });
    }
    await viewer.disconnect();
    return facts;
  }

  #judge(): ChaosRun {
    const record = this.#record;
    const ran = existsSync(this.#ran) ? readFileSync(this.#ran, "utf8").split("\n").filter(Boolean) : [];
    const facts = [...record.history(), ...this.#views];
    for (const call of ran) facts.push({ kind: "ran", call, node: 0 });
    const { scenario, clients, seconds } = this.#options;
    const violations = judge(facts, judged(scenario, clients, seconds));
    const of = (verb: string): number =>
      facts.filter((fact) => fact.kind === "ask" && fact.verb === verb).length;
    const answers = facts.filter((fact) => fact.kind === "answer");
    return {
      violations: [...record.wrong, ...violations],
      facts: record.timed(),
      figures: {
        clients,
        rooms: this.#options.rooms,
        says: of("say"),
        deliveries: record.deliveries,
        roomChanges: of("roomChange"),
        actions: of("action"),
        runs: ran.length,
        unknown: answers.filter((fact) => fact.code === "outcome_unknown").length,
        gaps: facts.filter((fact) => fact.kind === "heard" && fact.event === "gap").length,
        resumed: facts.filter((fact) => fact.kind === "id" && fact.resumed).length,
        requests: this.#balancer.requests,
        sockets: this.#balancer.sockets,
        ...this.#figures,
      },
    };
  }
}

/** Whether anybody is somewhere else than where he stands, or away. */
function disagree(standing: readonly Fact[], views: readonly Fact[]): boolean {
  const places = (room: string): string =>
    standing
      .flatMap((fact) => (fact.kind === "stands" && fact.room === room ? [fact.connection] : []))
      .sort()
      .join();
  return views.some(
    (fact) =>
      fact.kind === "error" ||
      (fact.kind === "members" && [...fact.connections].sort().join() !== places(fact.room)),
  );
}

/** As the checker knows it: calm or not, and what may be forgotten. */
function judged({ keeps, ...trouble }: Scenario, clients: number, seconds: number): Simulated {
  return {
    clients,
    lasts: seconds * 1_000,
    ...(Object.keys(trouble).length > 0 ? { cuts: 1 } : {}),
    ...(keeps === undefined ? {} : { keeps }),
  };
}
