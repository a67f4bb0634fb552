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

const SHORT_LIFE = 20_000;
const STRIKES = 3;
const BAN = 60_000;
const LONGEST_BAN = 600_000;

/**
 * Which transports may be used now. A WebSocket that opens and then is cut or falls silent, several times in a row (some
 * proxies do that), is left out for a while; Faye alone would try it again for ever.
 */
export class TransportPolicy {
  private readonly allowed: readonly string[] | undefined;
  private readonly clock: Clock;
  private strikes = 0;
  private bans = 0;
  private bannedUntil = 0;

  constructor(allowed: readonly string[] | undefined, clock: Clock) {
    this.allowed = allowed;
    this.clock = clock;
  }

  /** A link over this transport ended after `life` ms. */
  ended(transport: string | null, life: number): void {
    if (transport !== "websocket") return;
    if (life >= SHORT_LIFE) {
      this.strikes = 0;
      this.bans = 0;
      return;
    }
    this.strikes += 1;
    if (this.strikes < STRIKES) return;
    this.strikes = 0;
    this.bannedUntil = this.clock.now() + Math.min(LONGEST_BAN, BAN * 2 ** this.bans);
    this.bans += 1;
  }

  /** Most wanted first; undefined leaves the choice to Faye. */
  eligible(): readonly string[] | undefined {
    const allowed = this.allowed;
    if (this.clock.now() >= this.bannedUntil) return allowed && preferFirst(allowed);
    const rest = (allowed ?? FAYE_ORDER).filter((type) => type !== "websocket");
    return rest.length > 0 ? preferFirst(rest) : allowed;
  }
}

/** Faye takes the usable transport that *it* ranks highest, so what it would take before our first must go. */
function preferFirst(list: readonly string[]): readonly string[] {
  const rank = (type: string) => (FAYE_ORDER as readonly string[]).indexOf(type);
  const first = rank(list[0] ?? "");
  return list.filter((type) => rank(type) >= first);
}
