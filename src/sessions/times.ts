export interface SessionTimes {
  /** Milliseconds a connect is held. */
  readonly timeout: number;
  /** Milliseconds a silent session lives. */
  readonly grace: number;
  /** Milliseconds a client is told to wait between two connects. */
  readonly interval: number;
}
