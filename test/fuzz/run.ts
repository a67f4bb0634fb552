/** For as long as somebody likes: `npm run fuzz -- --minutes 60`. One seed after the other; the first that fails is told. */
import { parseArgs } from "node:util";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { fuzz } from "./fuzz.ts";

const { values } = parseArgs({
  options: {
    minutes: { type: "string", default: "1" },
    seed: { type: "string", default: "1" },
    units: { type: "string", default: "1000" },
    /**
     * MiB by which the heap may grow from seed to seed after the third, after a collection, beside {@link ROOM}. Each has a server of
     * its own; what this process keeps of each, on either side, is seen as half a MiB.
     */
    growth: { type: "string", default: "1.5" },
  },
});
const until = performance.now() + Number(values.minutes) * 60_000;
/** MiB that come and go. */
const ROOM = 32;
/** By then all code has run and been compiled. */
const WARM = 3;
/** Every so many seeds it is waited until nobody is remembered. */
const WAITS = 20;
const mib = (bytes: number): string => (bytes / 1024 / 1024).toFixed(0);
setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;
const first = Number(values.seed);
let heap: number | null = null;
for (let seed = first; performance.now() < until; seed += 1) {
  try {
    await fuzz({ seed, units: Number(values.units), forgotten: (seed - first) % WAITS === WAITS - 1 });
  } catch (error) {
    console.error(`seed ${seed}:`, error);
    process.exit(1);
  }
  collect();
  const { heapUsed, rss } = process.memoryUsage();
  console.log(`seed ${seed}: good, ${mib(heapUsed)} MiB of heap, ${mib(rss)} MiB in all`);
  const since = seed - first + 1 - WARM;
  if (since === 0) heap = heapUsed;
  const allowed = (ROOM + Number(values.growth) * since) * 1024 * 1024;
  if (heap !== null && heapUsed - heap > allowed) {
    console.error(`seed ${seed}: the heap has grown from ${mib(heap)} to ${mib(heapUsed)} MiB`);
    process.exit(1);
  }
}
process.exit();
