import { setTimeout as sleep } from "node:timers/promises";
import { defineAction } from "actionwire";
import { z } from "zod";

export default defineAction({
  name: "sleep",
  description: "Answers after `sleepDuration` milliseconds.",
  inputs: z.object({ sleepDuration: z.coerce.number().min(0).max(600_000).default(1000) }),
  outputExample: {
    sleepStarted: 1700000000000,
    sleepEnded: 1700000001000,
    sleepDelta: 1000,
    sleepDuration: 1000,
  },
  run: async ({ params: { sleepDuration }, signal }) => {
    const sleepStarted = Date.now();
    await sleep(sleepDuration, undefined, { signal });
    const sleepEnded = Date.now();
    return { sleepStarted, sleepEnded, sleepDelta: sleepEnded - sleepStarted, sleepDuration };
  },
});
