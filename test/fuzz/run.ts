/** For as long as somebody likes: `npm run fuzz -- --minutes 60`. One seed after the other; the first that fails is told. */
import { parseArgs } from "node:util";
import { fuzz } from "./fuzz.ts";

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "1" },
    seed: { type: "string", default: "1" },
    units: { type: "string", default: "1000" },
  },
});
const until = performance.now() + Number(values.minutes) * 60_000;
let seed = Number(values.seed);
for (; performance.now() < until; seed += 1) {
  try {
    await fuzz({ seed, units: Number(values.units) });
  } catch (error) {
    console.error(`seed ${seed}:`, error);
    process.exit(1);
  }
  const { heapUsed, rss } = process.memoryUsage();
  const mib = (bytes: number): string => (bytes / 1024 / 1024).toFixed(0);
  console.log(`seed ${seed}: good, ${mib(heapUsed)} MiB of heap, ${mib(rss)} MiB in all`);
}
process.exit();
