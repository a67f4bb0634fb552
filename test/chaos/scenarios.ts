/** What a run is like. Rates are mean milliseconds between two of them; not there: never. */
export interface Scenario {
  /** A node is killed (SIGKILL), and started again at once. */
  readonly kills?: number;
  /** A node is stopped (SIGSTOP) for longer than its lease, and goes on. */
  readonly pauses?: number;
  /** A socket or a request is reset; another carries nothing any more, for seconds, and is reset then. */
  readonly cuts?: number;
  readonly holes?: number;
  /** Redis stands still for a while. */
  readonly freezes?: number;
  /**
   * Redis stands still for a moment, and then a node, in the middle of what it had begun; its clients go on elsewhere. When its
   * lease is over and others serve them, it goes on with that.
   */
  readonly formers?: number;
  /** Redis is killed and comes back empty. */
  readonly empties?: number;
  /** Clients change rooms more than they talk. */
  readonly restless?: boolean;
  /** Clients that leave in the middle, with a word. */
  readonly departures?: boolean;
  /** Messages that a room keeps. */
  readonly keeps?: number;
}

export const SCENARIOS = {
  /** Nothing goes wrong. */
  calm: {},
  kills: { kills: 2_000, cuts: 1_000 },
  pauses: { pauses: 6_000, cuts: 2_000 },
  cuts: { cuts: 200, holes: 1_000 },
  formers: { formers: 3_000, restless: true },
  redis: { freezes: 8_000, cuts: 2_000 },
  /** Rooms that forget so soon that clients come back too late. */
  gaps: { kills: 1_500, cuts: 300, holes: 400, keeps: 2 },
  departures: { kills: 4_000, cuts: 1_000, departures: true },
  chaos: { kills: 2_000, pauses: 12_000, cuts: 400, holes: 2_000, freezes: 20_000 },
  empty: { empties: 15_000, cuts: 2_000 },
  /** Whose node dies with the store is given another connection, and told so. */
  emptyKills: { empties: 20_000, kills: 2_000, cuts: 1_000 },
} as const satisfies Record<string, Scenario>;

export type ScenarioName = keyof typeof SCENARIOS;
