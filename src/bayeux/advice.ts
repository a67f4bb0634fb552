/**
 * What a client should do next (Bayeux 3.4). Always the whole triple: Faye merges advice into what it has,
 * CometD replaces it, and only a full one means the same to both (BAYEUX 0.1 rule 1).
 */

export interface Advice {
  readonly reconnect: "retry" | "handshake" | "none";
  /** Milliseconds before the next connect or handshake. */
  readonly interval: number;
  /** Milliseconds that the server holds a connect. */
  readonly timeout: number;
  /** Milliseconds after which CometD gives a silent session up; Faye ignores it. */
  readonly maxInterval?: number;
}

/** What both stock clients assume before they were told anything. */
const CLIENT_TIMEOUT_MS = 60_000;

/** Connect again. `interval` must not be 0 where the connect was not held (rule 21). */
export function retry(timeoutMs: number, interval = 0, maxInterval?: number): Advice {
  return maxInterval === undefined
    ? { reconnect: "retry", interval, timeout: timeoutMs }
    : { reconnect: "retry", interval, timeout: timeoutMs, maxInterval };
}

/**
 * Start over. Only on a failed connect, or with an interval of at least 5,000 on a failed handshake: anywhere
 * else it wedges CometD or makes Faye spin (rules 2 and 3).
 */
export function handshakeAgain(interval = 0, timeoutMs = CLIENT_TIMEOUT_MS): Advice {
  return { reconnect: "handshake", interval, timeout: timeoutMs };
}

/** Go away and stay away. */
export function none(timeoutMs = CLIENT_TIMEOUT_MS): Advice {
  return { reconnect: "none", interval: 0, timeout: timeoutMs };
}
