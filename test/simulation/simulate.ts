import { EngineFailure } from "../../src/engine/contract.ts";
import { FakeClock, seededRandom } from "../../src/testing/fake-clock.ts";
import type { Counter } from "./asker.ts";
import { judge } from "./checker.ts";
import { History } from "./history.ts";
import { underFaye } from "./network.ts";
import { Player, ROOMS } from "./player.ts";
import type { Scenario } from "./scenarios.ts";
import { takeGlobals } from "./time.ts";
import { GRACE, LEASE, type Planted, World } from "./world.ts";

export interface Run {
  readonly violations: readonly string[];
  readonly digest: string;
  readonly facts: number;
  /** Simulated milliseconds. */
  readonly lasted: number;
}

/** Everybody is back after this, at the latest, once nothing goes wrong any more. */
const PATIENCE = 120_000;
/** A socket whose client is gone without a word is found by two pings in vain, a session then goes after its grace. */
const BURIAL = 2 * 12_000 + LEASE + GRACE + 15_000;

/** One history, from one seed. Runs must not overlap: Faye uses the globals. */
export async function simulate(
  seed: number,
  scenario: Scenario,
  { verbose = false, planted }: { verbose?: boolean; planted?: Planted | undefined } = {},
): Promise<Run> {
  const clock = new FakeClock();
  const history = new History(() => clock.monotonic(), verbose);
  const players = new Map<number, Player>();
  const world = new World({ seed, scenario, planted }, clock, history, (client, text) => {
    if (verbose) history.note(`client ${client} gets ${text}`);
    if (!text.includes("/meta/handshake")) return;
    for (const message of JSON.parse(text) as HandshakeReply[]) {
      const mine = message.channel === "/meta/handshake" ? message.ext?.actionwire : undefined;
      if (mine) players.get(client)?.shaken(mine.connectionId, mine.resume.resumed);
    }
  });
  const giveBack = takeGlobals(clock, seededRandom(seed ^ 0x2545f491));
  const above = underFaye(world.network);
  try {
    await play(world, players);
  } finally {
    above();
    giveBack();
  }
  const violations = judge(history.facts, scenario);
  return { violations, digest: history.digest(), facts: history.facts.length, lasted: clock.monotonic() };
}

interface HandshakeReply {
  readonly channel?: string;
  readonly ext?: {
    readonly actionwire?: { readonly connectionId: string; readonly resume: { readonly resumed: boolean } };
  };
}

async function play(world: World, players: Map<number, Player>): Promise<void> {
  const { clock, scenario, history, dice } = world;
  const counter: Counter = { next: 1 };
  await world.start();
  for (let number = 1; number <= scenario.clients; number += 1) {
    const player = new Player(number, world, counter);
    players.set(number, player);
    player.connect();
  }
  const all = [...players.values()];
  let working = true;
  // Half of them connect before anything goes wrong, the others while it does.
  await clock.advance(dice.chance(0.5) ? 1_000 : 5);
  world.trouble(all.map((player) => player.number));
  for (const player of all) player.work(() => working);
  serverTalks(world, all, () => working);
  if (scenario.departures) {
    for (const player of all.slice(2)) {
      const at = dice.between(2_000, scenario.lasts);
      clock.after(at, () => player.leave(dice.pick(["disconnect", "quit", "die", "die"] as const)));
    }
  }
  await clock.advance(scenario.lasts);
  working = false;
  const dead = new Set(all.filter((player) => player.dead).map((player) => player.number));
  world.calm(dead);
  const living = all.filter((player) => !player.dead && !player.left);
  const settled = (): boolean =>
    living.every((player) => player.open.size === 0 && player.client.state === "connected") &&
    all.every((player) => player.dead || player.open.size === 0);
  for (let waited = 0; waited < PATIENCE && !settled(); waited += 500) await clock.advance(500);
  // Whoever is connected can be heard by all others.
  for (const player of living) player.say();
  await clock.advance(3_000);
  for (let waited = 0; waited < PATIENCE && !settled(); waited += 500) await clock.advance(500);
  const graves = scenario.departures || scenario.empties !== undefined;
  await clock.advance(graves ? BURIAL : 2 * LEASE);
  for (const player of all) {
    const { state, id: connection, room } = player.client;
    if (player.dead) continue;
    history.add({ kind: "stands", client: player.number, state, connection, room });
  }
  for (const room of ROOMS)
    history.add({ kind: "members", room, connections: await world.ledger.members(room) });
}

/** The server's own application: messages to connections and to rooms, from any node. */
function serverTalks(world: World, players: readonly Player[], goes: () => boolean): void {
  const { clock, dice, history } = world;
  let count = 0;
  const next = (): void => {
    clock.after(dice.between(100, 1_500), () => {
      if (!goes()) return;
      talk();
      next();
    });
  };
  const talk = (): void => {
    const { running } = world;
    if (running.length === 0) return;
    const { api } = dice.pick(running).node;
    const connection = dice.pick(players).client.id;
    const room = dice.pick(ROOMS);
    count += 1;
    const id = count;
    const direct = connection !== null && dice.chance(0.6);
    const to = direct ? { connection } : { room };
    history.add({ kind: "send", id, to });
    const sent = direct
      ? api.connections.send(connection, { direct: id })
      : api.rooms.broadcast(room, `broadcast ${id}`);
    sent.then(
      () => history.add({ kind: "sent", id, outcome: "stored" }),
      (failure: unknown) => {
        const unknown = failure instanceof EngineFailure && failure.outcome === "unknown";
        history.add({ kind: "sent", id, outcome: unknown ? "unknown" : "not" });
      },
    );
  };
  next();
}
