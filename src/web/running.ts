/** Which actions are under way over HTTP, so that a stop can wait for them. */
export interface Running {
  /** Aborted when nobody waits any more. */
  readonly stopping: AbortSignal;
  during<T>(work: () => Promise<T>): Promise<T>;
  /** Resolves when what is under way now has ended. */
  ended(): Promise<void>;
  /** Waits for what is under way, at most `bound` ms; then aborts it. */
  finish(bound: number): Promise<void>;
}

export const trackRunning = (): Running => {
  const controller = new AbortController();
  const under = new Set<Promise<unknown>>();
  return {
    stopping: controller.signal,
    during(work) {
      const promise = work();
      under.add(promise);
      const done = () => void under.delete(promise);
      promise.then(done, done);
      return promise;
    },
    async ended() {
      await Promise.allSettled(under);
    },
    async finish(bound) {
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<void>((resolve) => {
        timer = setTimeout(resolve, bound);
      });
      await Promise.race([Promise.allSettled(under), late]);
      clearTimeout(timer);
      controller.abort();
      // Aborted ones still answer that their outcome is unknown.
      await Promise.allSettled(under);
    },
  };
};
