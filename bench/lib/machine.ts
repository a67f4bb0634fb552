import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { availableParallelism, cpus } from "node:os";

const SERVER_CORE = "0";
const LOAD_CORE = "1";

/** Keeps this process and the servers on cores of their own. False where that cannot be done. */
export function keepApart(): boolean {
  apart =
    availableParallelism() > 1 &&
    spawnSync("taskset", ["-a", "-cp", LOAD_CORE, `${process.pid}`]).status === 0;
  return apart;
}
let apart = false;

/** The command line that runs a server. */
export const onServerCore = (...words: string[]): string[] =>
  apart ? ["taskset", "-c", SERVER_CORE, ...words] : words;

/** Files that are none of the connections. */
const OTHER_FILES = 200;

/** How many connections this process, and a server, may have open; Node has raised it as far as it goes. */
export function mostConnections(): number {
  const line = readFileSync("/proc/self/limits", "utf8").match(/^Max open files\s+(\d+)/m);
  return Number(line?.[1] ?? 1024) - OTHER_FILES;
}

const TICK = 10_000;

/** What all cores have done since the machine was started, and what was stolen from it. Microseconds. */
export function machineBusy(): number {
  const [user, nice, system, _idle, _waiting, irq, softirq, steal] = readFileSync("/proc/stat", "utf8")
    .split("\n", 1)[0]!
    .split(/ +/)
    .slice(1)
    .map(Number) as [number, number, number, number, number, number, number, number];
  return (user + nice + system + irq + softirq + steal) * TICK;
}

export const describeMachine = (): string =>
  `${cpus().length} × ${cpus()[0]?.model ?? "unknown"}, Node ${process.versions.node}`;
