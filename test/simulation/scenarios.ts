import type { Faults } from "../../src/engine/faulty.ts";
import type { NetworkFaults } from "./network.ts";

/** What a run is like. Rates are mean milliseconds between two of them; 0: never. */
export interface Scenario {
  readonly clients: number;
  /** Simulated milliseconds of work, and of faults. */
  readonly lasts: number;
  readonly network?: Partial<NetworkFaults>;
  readonly engine?: Partial<Faults>;
  /** A socket is cut; carries nothing any more; a client is out of reach for a while; its node dies for it (all at once). */
  readonly cuts?: number;
  readonly holes?: number;
  readonly absences?: number;
  /** Longest absence. */
  readonly absence?: number;
  /** A node is killed (and another one started a while after), stopped properly, paused. */
  readonly kills?: number;
  readonly stops?: number;
  readonly pauses?: number;
  /** Nobody reaches the engine; one node does not reach it. */
  readonly outages?: number;
  readonly partitions?: number;
  /** The store loses everything; nodes hear of it within seconds. */
  readonly empties?: number;
  /** The store comes back with what it had some seconds ago; nodes hear of it as above. */
  readonly rewinds?: number;
  /** Messages that a topic keeps. */
  readonly keeps?: number;
  /** Characters a socket buffers, and characters a millisecond that it takes. */
  readonly buffer?: number;
  readonly speed?: number;
  /** Clients that leave in the middle, in one way or another. */
  readonly departures?: boolean;
  /** A client may be away for longer than a connection lives, and come back as another. */
  readonly rebuilds?: boolean;
}

const BAD_NETWORK: NetworkFaults = { delay: [1, 120], lose: 0.04, told: 0.6, repeat: 0, late: 0 };
const BAD_ENGINE: Partial<Faults> = {
  delay: [0, 20],
  refuse: 0.01,
  lose: 0.02,
  forget: 0.03,
  late: 0.02,
  repeat: 0.05,
  patience: 250,
  lateness: 1_500,
};
const BAD_PUSHES: Partial<Faults> = {
  delay: [0, 5],
  pushes: { lose: 0.15, repeat: 0.1, delay: [0, 100] },
  messages: { lose: 0.08, repeat: 0.1, delay: [0, 60] },
};

const CHAOS = {
  clients: 5,
  lasts: 45_000,
  network: { ...BAD_NETWORK, lose: 0.02 },
  engine: { ...BAD_PUSHES, ...BAD_ENGINE, refuse: 0.005, lose: 0.01, forget: 0.01, late: 0.01 },
  cuts: 8_000,
  holes: 20_000,
  kills: 20_000,
  pauses: 20_000,
  stops: 30_000,
  outages: 40_000,
} satisfies Scenario;

export const SCENARIOS = {
  /** Nothing goes wrong. */
  calm: { clients: 3, lasts: 20_000 },
  /** Sockets break, requests and responses get lost. */
  network: { clients: 4, lasts: 30_000, network: BAD_NETWORK, cuts: 3_000, holes: 12_000 },
  /** Requests arrive twice. */
  repeats: { clients: 3, lasts: 25_000, network: { ...BAD_NETWORK, repeat: 0.15 }, cuts: 4_000 },
  /** Requests arrive after their clients have given them up and asked anew. */
  late: { clients: 4, lasts: 25_000, network: { ...BAD_NETWORK, lose: 0.15, late: 0.7 }, cuts: 3_000 },
  /** Operations of the engine are lost, refused, done late or twice. */
  engine: { clients: 3, lasts: 30_000, engine: BAD_ENGINE, cuts: 6_000 },
  /** What the engine pushes and what nodes say to each other is lost, repeated, reordered. */
  pushes: { clients: 4, lasts: 30_000, engine: BAD_PUSHES, cuts: 5_000 },
  /** Nodes are killed. */
  kills: { clients: 4, lasts: 40_000, kills: 9_000, cuts: 10_000, engine: { delay: [0, 5] } },
  /** Nodes are stopped properly. */
  stops: { clients: 4, lasts: 40_000, stops: 9_000, cuts: 15_000, engine: { delay: [0, 5] } },
  /** Nodes stand still for longer than their lease, and go on. */
  pauses: { clients: 4, lasts: 40_000, pauses: 8_000, cuts: 8_000, engine: { delay: [0, 5] } },
  /** Nobody reaches the engine for a while. */
  outages: { clients: 3, lasts: 40_000, outages: 10_000, partitions: 9_000, cuts: 8_000 },
  /** The store comes back empty, while nodes are killed and sockets break. */
  empties: {
    clients: 4,
    lasts: 40_000,
    empties: 16_000,
    kills: 14_000,
    cuts: 8_000,
    engine: { delay: [0, 5] },
  },
  /** The store comes back with older data, while sockets break and sessions move. */
  rewinds: {
    clients: 4,
    lasts: 40_000,
    rewinds: 9_000,
    cuts: 3_000,
    engine: { delay: [0, 5] },
  },
  /** Logs so short, and clients away so long, that messages are forgotten before they are read. */
  gaps: { clients: 4, lasts: 40_000, keeps: 6, absences: 5_000, absence: 9_000, cuts: 8_000 },
  /** Hardly any log, and nodes that have none of it in memory. */
  short: {
    clients: 5,
    lasts: 40_000,
    keeps: 2,
    absences: 2_500,
    absence: 9_000,
    cuts: 3_000,
    kills: 6_000,
    engine: { delay: [0, 5] },
  },
  /** Sockets that take less than is said. */
  slow: { clients: 4, lasts: 30_000, keeps: 12, buffer: 600, speed: 4, cuts: 10_000 },
  /** Clients leave: with a word, or without. */
  departures: { clients: 5, lasts: 30_000, departures: true, kills: 15_000, cuts: 10_000 },
  /** Clients are away for longer than their connection lives. */
  rebuilds: { clients: 3, lasts: 90_000, absences: 15_000, absence: 70_000, rebuilds: true },
  /** All of it, but that the store keeps what it has. */
  chaos: CHAOS,
  /** All of it, and the store comes back empty. */
  doom: { ...CHAOS, empties: 20_000 },
} as const satisfies Record<string, Scenario>;

export type ScenarioName = keyof typeof SCENARIOS;
