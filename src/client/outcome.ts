import type { ClientError } from "./errors.ts";
import type { Message } from "./wire.ts";

/** What a connect comes to. Whoever ignores the promise is not punished for it. */
export interface Outcome {
  readonly promise: Promise<Message>;
  resolve(details: Message): void;
  reject(error: ClientError): void;
}

export function newOutcome(): Outcome {
  let resolve: (details: Message) => void = () => {};
  let reject: (error: ClientError) => void = () => {};
  const promise = new Promise<Message>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  promise.catch(() => {});
  return { promise, resolve, reject };
}
