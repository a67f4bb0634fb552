import type { Message } from "./wire.ts";

/** Given to `reconnect`. */
export interface Reconnected {
  /** The connection's id now: the same as before if `resumed`, otherwise a new one. */
  readonly id: string;
  readonly resumed: boolean;
  readonly transport: string | null;
  readonly previousTransport: string | null;
  /** Why the connection had been lost. */
  readonly reason: string;
}

/** Given to `disconnect`. */
export interface Disconnected {
  readonly reason: string;
  /** Whether the client goes on trying. */
  readonly reconnecting: boolean;
}

export interface Events {
  connect?(details: Message): void;
  disconnect?(info: Disconnected): void;
  reconnect?(info: Reconnected): void;
  say?(message: Message): void;
  api?(message: Message): void;
  welcome?(message: Message): void;
  alert?(message: Message): void;
  gap?(message: Message): void;
}

/** Which handler a message from the server is for (responses are not events). */
export function handlerFor(message: Message, events: Events): keyof Events {
  if (message.context === "user") return "say";
  if (message.context !== "api") return "alert";
  if ("welcome" in message) return "welcome";
  if ("gap" in message) return "gap";
  return typeof events.api === "function" ? "api" : "alert";
}

/** Application code may throw, or reject; the client goes on, and the error is seen where uncaught errors are seen. */
export function guarded(run: () => unknown): void {
  try {
    const result = run() as { then?: unknown } | null | undefined;
    if (typeof result?.then === "function") Promise.resolve(result).catch(report);
  } catch (error) {
    report(error);
  }
}

function report(error: unknown): void {
  const page = typeof window === "undefined" ? undefined : (window as { reportError?: (e: unknown) => void });
  if (page && typeof page.reportError === "function") page.reportError(error);
  else console.error(error);
}
