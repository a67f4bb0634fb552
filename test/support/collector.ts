import { type EventuallyOptions, eventually } from "./eventually.ts";

/** Keeps what arrives, in order, and waits for what has yet to come. */
export interface Collector<T> {
  readonly all: readonly T[];
  /** Hand this to whatever emits. Bound. */
  readonly push: (item: T) => void;
  /** The first item, already here or still to come, that fits. */
  find(fits: (item: T) => boolean, options?: EventuallyOptions): Promise<T>;
  /** Resolves with all of them once there are at least `count`. */
  atLeast(count: number, options?: EventuallyOptions): Promise<readonly T[]>;
  clear(): void;
}

export function collector<T>(): Collector<T> {
  const all: T[] = [];
  return {
    all,
    push: (item) => {
      all.push(item);
    },
    async find(fits, options) {
      const found = await eventually(() => {
        const index = all.findIndex(fits);
        if (index < 0) throw new Error(`nothing fits among ${all.length}: ${JSON.stringify(all)}`);
        return { item: all[index] as T };
      }, options);
      return found.item;
    },
    async atLeast(count, options) {
      await eventually(() => {
        if (all.length < count) throw new Error(`${all.length} of ${count} so far: ${JSON.stringify(all)}`);
      }, options);
      return all;
    },
    clear() {
      all.length = 0;
    },
  };
}
