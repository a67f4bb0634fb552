/** One member of a busy room that stops reading: what the others feel, and what it is told when it reads again. */
import { setTimeout as sleep } from "node:timers/promises";
import type { WebSocket } from "ws";
import { ActionHeroWebSocket } from "../../src/client/index.ts";
import type { ServerProcess } from "../support/process.ts";
import type { Message } from "../wire/support/messages.ts";
import { member } from "./sockets.ts";

/** Milliseconds between two says. */
const PAUSE = 25;
/** More than a socket's buffers take in a while. */
const FILLER = "x".repeat(1_024);
const SPOKEN = /"message":"at ([\d.]+) /g;

export interface StalledOptions {
  readonly members: number;
  readonly seconds: number;
  readonly memory: () => number;
}

/** Reads on, and counts what it hears and what it is told that it missed. */
function counting(socket: WebSocket): { readonly heard: number; readonly missed: number } {
  const counts = { heard: 0, missed: 0 };
  socket.on("message", (data) => {
    for (const { data: said } of JSON.parse(String(data)) as { data?: Message }[]) {
      if (typeof said?.message === "string" && said.message.startsWith("at ")) counts.heard += 1;
      if (said?.gap) counts.missed += (said.gap as { missed: number | null }).missed ?? Number.NaN;
    }
  });
  return counts;
}

export async function stalled(
  server: ServerProcess,
  { members, seconds, memory }: StalledOptions,
): Promise<void> {
  let delays: number[] = [];
  const hear = (data: unknown): void => {
    for (const [, at] of String(data).matchAll(SPOKEN)) delays.push(performance.now() - Number(at));
  };
  const crowd: WebSocket[] = [];
  for (let n = 0; n < members; n += 1) crowd.push(await member(server));
  for (const socket of crowd) socket.on("message", hear);
  const speaker = new ActionHeroWebSocket({ host: server.url });
  await speaker.connect();

  const talk = async (what: string): Promise<number> => {
    delays = [];
    let said = 0;
    for (const until = performance.now() + seconds * 1_000; performance.now() < until; said += 1) {
      void speaker.say(`at ${performance.now()} ${FILLER}`);
      await sleep(PAUSE);
    }
    await sleep(1_000);
    delays.sort((a, b) => a - b);
    const at = (part: number): string => delays[Math.floor(part * (delays.length - 1))]!.toFixed(1);
    const all = delays.length === said * members ? "all arrived" : `${delays.length} ARRIVED`;
    const times = `median ${at(0.5)} ms, p99 ${at(0.99)} ms, slowest ${at(1)} ms`;
    console.log(`${what}: ${said} says to ${members}, ${all}, ${times}, ${memory().toFixed(0)} MiB`);
    return said;
  };

  await talk("warming up");
  for (let turn = 0; turn < 3; turn += 1) {
    await talk("all read");
    const one = await member(server, { actionwire: { client: 1, positions: {} } });
    const counts = counting(one);
    await sleep(500);
    one.pause();
    const said = await talk("one does not");
    one.resume();
    await sleep(3_000);
    const { heard, missed } = counts;
    console.log(`it heard ${heard} and is told that it missed ${missed}, of ${said}`);
    one.terminate();
    // Before the others hear of it, who would be slowed down by that.
    await sleep(1_000);
  }
  await speaker.disconnect();
  for (const socket of crowd) socket.terminate();
}
