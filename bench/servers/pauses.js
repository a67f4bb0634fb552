/** What keeps a process from answering at once, on Node. */
import { monitorEventLoopDelay, PerformanceObserver } from "node:perf_hooks";

/** Milliseconds between two looks at the event loop. */
const EVERY = 10;
const NANOSECONDS = 1e6;

let delays;
let observer;
let collecting;

function add(entries) {
  for (const { duration } of entries) collecting += duration;
}

/** From now on. */
export function observe() {
  if (globalThis.Bun) return;
  collecting = 0;
  observer = new PerformanceObserver((list) => add(list.getEntries()));
  observer.observe({ entryTypes: ["gc"] });
  delays = monitorEventLoopDelay({ resolution: EVERY });
  delays.enable();
}

/** Milliseconds: by how much a look came late, at most, in 99 of 100; and spent on collecting garbage. */
export function observed() {
  if (globalThis.Bun) return;
  delays.disable();
  add(observer.takeRecords());
  observer.disconnect();
  return { late: Math.max(0, delays.percentile(99) / NANOSECONDS - EVERY), collecting };
}
