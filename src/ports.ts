/** What the inside needs of the outside world. Handed in, so that a test can own time, chance and the log. */

export interface Timer {
  cancel(): void;
}

export interface Clock {
  /** Wall-clock time, milliseconds since 1970. For people and stored records; never for measuring. */
  now(): number;
  /** Milliseconds that only ever grow. For deadlines and leases. */
  monotonic(): number;
  /** Runs `task` once, after `ms` milliseconds. */
  after(ms: number, task: () => void): Timer;
  /** Runs `task` once, when this turn of the event loop is over. */
  defer(task: () => void): void;
}

export interface Random {
  /** A number in [0, 1). For jitter; never for secrets. */
  fraction(): number;
  /** `size` bytes fit for secrets. */
  bytes(size: number): Uint8Array;
}

/** The part of a pino logger that the inside uses. */
export interface Log {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** A value that survives JSON. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
