/** Time and randomness, passed in so that tests can hold both still. */
export interface Clock {
  /** Milliseconds of wall time: a machine that slept must see that time went by. */
  now(): number;
  setTimeout(run: () => void, ms: number): unknown;
  clearTimeout(timer: unknown): void;
  /** In [0, 1). */
  random(): number;
}

/** The globals are looked up at each call, so that faked global timers are seen too. */
export const systemClock: Clock = {
  now: () => Date.now(),
  setTimeout: (run, ms) => setTimeout(run, ms),
  clearTimeout: (timer) => clearTimeout(timer as ReturnType<typeof setTimeout>),
  random: () => Math.random(),
};

/** A timer that can be set again and again; at most one is pending. */
export class Alarm {
  private readonly clock: Clock;
  private timer: unknown;

  constructor(clock: Clock) {
    this.clock = clock;
  }

  set(ms: number, run: () => void): void {
    this.stop();
    this.timer = this.clock.setTimeout(() => {
      this.timer = undefined;
      run();
    }, ms);
  }

  get pending(): boolean {
    return this.timer !== undefined;
  }

  stop(): void {
    if (this.timer !== undefined) this.clock.clearTimeout(this.timer);
    this.timer = undefined;
  }
}
