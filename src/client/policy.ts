import type { Clock } from "./clock.ts";

const FIRST_CEILING = 500;
const CEILING = 5_000;
const GROWTH = 1.5;
const FLOOR = 50;

/**
 * How long to wait before attempt `attempt` (0 is the first after a loss): full jitter under a ceiling that grows, so that
 * a thousand clients of a server that died do not come back in one instant, and one client is soon back.
 */
export function retryDelay(attempt: number, random: () => number): number {
  const ceiling = Math.min(CEILING, FIRST_CEILING * GROWTH ** Math.min(attempt, 20));
  return FLOOR + random() * (ceiling - FLOOR);
}

/** ms: what a server must say to any client that it cannot serve just now, because stock ones have no backoff. */
const PERFUNCTORY = 5_000;
const LONGEST = 30_000;
const DRAINING = 2_000;

/** When to come back, also minding what the server asked for. */
export function comeBackIn(attempt: number, interval: number, used: boolean, random: () => number): number {
  const own = retryDelay(attempt, random);
  // A node that goes down spreads its clients over the others.
  if (used) return Math.max(own, random() * Math.min(interval, DRAINING));
  if (interval <= PERFUNCTORY) return own;
  return Math.max(own, Math.min(interval, LONGEST) * (0.5 + random() * 0.5));
}

/** Faye's names, in the order in which Faye itself prefers them. */
export const FAYE_ORDER = [
  "websocket",
  "eventsource",
  "long-polling",
  "cross-origin-long-polling",
  "callback-polling",
] as const;

/** ms. Longer than it takes to find out that a line is silent. */
const SHORT_LIFE = 45_000;
const STRIKES = 3;
const BAN = 60_000;
const LONGEST_BAN = 600_000;

interface Standing {
  strikes: number;
  bans: number;
  until: number;
}

/**
 * Which transports may be used now. A WebSocket or an event stream that opens and then is cut or brings nothing, several times
 * in a row (some proxies do that), is left out for a while; Faye alone would try it again for ever.
 */
export class TransportPolicy {
  private readonly allowed: readonly string[] | undefined;
  private readonly clock: Clock;
  private readonly standings = new Map<string, Standing>();

  constructor(allowed: readonly string[] | undefined, clock: Clock) {
    this.allowed = allowed;
    this.clock = clock;
  }

  /** A link over this transport ended after `life` ms; `mute`: it was open, and answers did not come. */
  ended(transport: string | null, life: number, mute = false): void {
    if (transport !== "websocket" && transport !== "eventsource") return;
    const standing = this.standings.get(transport) ?? { strikes: 0, bans: 0, until: 0 };
    this.standings.set(transport, standing);
    if (life >= SHORT_LIFE) {
      standing.strikes = standing.bans = 0;
      return;
    }
    // A stream that a proxy holds back is mute from the first to the last: no use in trying it again at once. A socket has
    // a second chance; a third would take longer than a first connect may.
    standing.strikes += mute ? (transport === "eventsource" ? STRIKES : 2) : 1;
    if (standing.strikes < STRIKES) return;
    standing.strikes = 0;
    standing.until = this.clock.now() + Math.min(LONGEST_BAN, BAN * 2 ** standing.bans);
    standing.bans += 1;
  }

  /** Most wanted first; undefined leaves the choice to Faye. */
  eligible(): readonly string[] | undefined {
    const { allowed } = this;
    const now = this.clock.now();
    const banned = (type: string) => now < (this.standings.get(type)?.until ?? 0);
    const all: readonly string[] = allowed ?? FAYE_ORDER;
    const rest = all.filter((type) => !banned(type));
    if (rest.length === all.length) return allowed && preferFirst(allowed);
    return rest.length > 0 ? preferFirst(rest) : allowed;
  }
}

/** Faye takes the usable transport that *it* ranks highest, so what it would take before our first must go. */
function preferFirst(list: readonly string[]): readonly string[] {
  const rank = (type: string) => (FAYE_ORDER as readonly string[]).indexOf(type);
  const first = rank(list[0] ?? "");
  return list.filter((type) => rank(type) >= first);
}
