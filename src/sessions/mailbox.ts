import type { Awaitable } from "../awaitable.ts";

/** Runs tasks one at a time in the order in which they were put in. A task that fails fails alone. */
export class Mailbox {
  #tasks: (() => Promise<void>)[] = [];
  #running = false;
  readonly #onIdle: (() => void) | undefined;

  /** `onIdle` is called each time nothing is left to do. */
  constructor(onIdle?: () => void) {
    this.#onIdle = onIdle;
  }

  /** What has to wait for nothing is done when this returns; it may throw as well as reject. */
  run<T>(task: () => Promise<T>): Promise<T>;
  run<T>(task: () => Awaitable<T>): Awaitable<T>;
  run<T>(task: () => Awaitable<T>): Awaitable<T> {
    if (this.#running) {
      return new Promise<T>((resolve, reject) => {
        this.#tasks.push(async () => {
          try {
            resolve(await task());
          } catch (failed) {
            reject(failed);
          }
        });
      });
    }
    this.#running = true;
    let done: Awaitable<T>;
    try {
      done = task();
    } catch (failed) {
      this.#next();
      throw failed;
    }
    if (done instanceof Promise) return done.finally(() => this.#next());
    this.#next();
    return done;
  }

  #next(): void {
    if (this.#tasks.length > 0) void this.#work();
    else this.#rest();
  }

  async #work(): Promise<void> {
    while (this.#tasks.length > 0) {
      const tasks = this.#tasks;
      this.#tasks = [];
      for (const task of tasks) await task();
    }
    this.#rest();
  }

  #rest(): void {
    this.#running = false;
    this.#onIdle?.();
  }
}
