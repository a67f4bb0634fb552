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
    if (!this.#running) return this.#first(task);
    return new Promise<T>((resolve, reject) => {
      this.#tasks.push(() => task().then(resolve, reject));
    });
  }

  /** Mostly nothing else waits: a task that comes then needs no place in a queue. */
  async #first<T>(task: () => Promise<T>): Promise<T> {
    this.#running = true;
    try {
      return await task();
    } finally {
      if (this.#tasks.length > 0) void this.#work();
      else this.#rest();
    }
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
