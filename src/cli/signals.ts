import type { ActionwireServer } from "../server.ts";

/** After SIGINT somebody sits there and waits. */
const INTERRUPT_BOUND = 5_000;

/** Milliseconds in which two signals are one: a terminal tells npm and the server, and npm tells the server, too. */
const AT_ONCE = 100;

/**
 * Stops the server on SIGTERM and SIGINT, then exits with 0. A second signal exits at once, with the code that
 * shells expect of a signal.
 */
export const stopOnSignals = (server: ActionwireServer): void => {
  let asked: number | null = null;
  const stop = (signal: "SIGTERM" | "SIGINT", bound: number) => {
    const now = performance.now();
    if (asked !== null && now - asked < AT_ONCE) return;
    if (asked !== null) process.exit(signal === "SIGINT" ? 130 : 143);
    asked = now;
    server.stop({ bound }).then(
      () => process.exit(0),
      (error: unknown) => {
        console.error(
          `actionwire: stopping failed: ${error instanceof Error ? error.message : String(error)}`,
        );
        process.exit(1);
      },
    );
  };
  process.on("SIGTERM", () => stop("SIGTERM", server.config.cluster.drain * 1000));
  process.on("SIGINT", () => stop("SIGINT", INTERRUPT_BOUND));
};
