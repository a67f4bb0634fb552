import type { ActionwireServer } from "../server.ts";

/** After SIGINT somebody sits there and waits. */
const INTERRUPT_BOUND = 5_000;

/**
 * Stops the server on SIGTERM and SIGINT, then exits with 0. A second signal exits at once, with the code that
 * shells expect of a signal.
 */
export const stopOnSignals = (server: ActionwireServer): void => {
  let asked = false;
  const stop = (signal: "SIGTERM" | "SIGINT", bound: number) => {
    if (asked) process.exit(signal === "SIGINT" ? 130 : 143);
    asked = true;
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
