/**
 * What is there already, or will be. Of the many messages that a node handles most have to wait for nothing, and for those a
 * promise at each layer would cost more than all the rest: so the layers that every message passes hand values on as they come.
 */
export type Awaitable<T> = T | Promise<T>;

/** Goes on with a value: at once, where it is there. */
export function then<T, R>(value: Awaitable<T>, next: (value: T) => Awaitable<R>): Awaitable<R> {
  return value instanceof Promise ? value.then(next) : next(value);
}

/** Mends what an act throws or rejects with. */
export function rescue<T>(act: () => Awaitable<T>, mend: (failed: unknown) => Awaitable<T>): Awaitable<T> {
  try {
    const value = act();
    return value instanceof Promise ? value.catch(mend) : value;
  } catch (failed) {
    return mend(failed);
  }
}
