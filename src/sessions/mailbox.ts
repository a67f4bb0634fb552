/** Runs tasks one at a time in the order in which they were put in. A task that fails fails alone. */
export class Mailbox {
  #tasks: (() => Promise<void>)[] = [];
  #running = false;
  readonly #onIdle: (() => void) | undefined;

  /** `onIdle` is called each time nothing is left to do. */
  constructor(onIdle?: () => void) {
    this.#onIdle = onIdle;
  }

  run<T>(task: () => Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#tasks.push(() => task().then(resolve, reject));
      if (!this.#running) void this.#work();
    });
  }

  async #work(): Promise<void> {
    this.#running = true;
    while (this.#tasks.length > 0) {
      const tasks = this.#tasks;
      this.#tasks = [];
      for (const task of tasks) await task();
    }
    this.#running = false;
    this.#onIdle?.();
  }
}
