/** Stock clients that acknowledge what they were sent: cut, and sent from node to node, they miss nothing. */
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { systemClock, systemRandom } from "../../src/clock.ts";
import { MemoryStore, memoryEngine } from "../../src/engine/index.ts";
import { closeAll, eventually } from "../support/index.ts";
import { createProxy } from "../support/proxy.ts";
import { startApp, unique } from "../wire/support/app.ts";
import { cometdDriver, newCometd, shake } from "../wire/support/cometd.ts";
import { fayeDriver, newFaye, onHandshake } from "../wire/support/faye.ts";
import { Line } from "../wire/support/line.ts";
import { type Message, minted } from "../wire/support/messages.ts";

const { AckExtension } = createRequire(import.meta.url)("cometd/AckExtension.js") as {
  AckExtension: new () => object;
};

type Transport = "websocket" | "long-polling";
const MESSAGES = 120;
/** Between two messages. Milliseconds. */
const PAUSE = 40;

/** Faye has no such extension of its own; this one is the counterpart of CometD's (BAYEUX 5.2). */
function acknowledging(): { incoming(message: Message, next: (message: Message) => void): void } & {
  outgoing(message: Message, next: (message: Message) => void): void;
} {
  let on = false;
  let last = 0;
  const ackOf = ({ ext }: Message): unknown => (ext as { ack?: unknown } | undefined)?.ack;
  const saying = (message: Message, ack: unknown): Message => ({
    ...message,
    ext: { ...(message.ext as object | undefined), ack },
  });
  return {
    outgoing(message, next) {
      if (message.channel === "/meta/handshake") next(saying(message, true));
      else if (message.channel === "/meta/connect" && on) next(saying(message, last));
      else next(message);
    },
    incoming(message, next) {
      const ack = ackOf(message);
      if (message.channel === "/meta/handshake") [on, last] = [ack === true, 0];
      if (message.channel === "/meta/connect" && message.successful && typeof ack === "number") last = ack;
      next(message);
    },
  };
}

async function faye(url: string, transport: Transport): Promise<Line> {
  const client = newFaye(url, { retry: 0.3 });
  if (transport === "long-polling") client.disable("websocket");
  client.addExtension(acknowledging());
  const shaken = onHandshake(client);
  await client.publish("/_welcome", "hello");
  return Line.claim(fayeDriver(client, minted(await shaken).connectionId, transport));
}

async function cometd(url: string, transport: Transport): Promise<Line> {
  const client = newCometd(url, transport);
  client.configure({ url: `${url}/faye`, logLevel: "error", backoffIncrement: 200, maxBackoff: 200 });
  client.registerExtension("ack", new AckExtension());
  return Line.claim(cometdDriver(client, minted(await shake(client)).connectionId, transport));
}

describe("acknowledged deliveries under cuts", { concurrency: 4 }, () => {
  for (const transport of ["websocket", "long-polling"] as const) {
    for (const [name, open] of [
      ["Faye", faye],
      ["CometD", cometd],
    ] as const) {
      test(`${name}, ${transport}: ${MESSAGES} messages, cut all the time, between two nodes`, {
        timeout: 60_000,
      }, async (t) => {
        const bounds = { maxMessages: 1000, maxBytes: 4_194_304, maxAge: 300_000 };
        const store = new MemoryStore({ clock: systemClock, random: systemRandom, bounds });
        const node = () => startApp({ engine: memoryEngine(store), config: { faye: { timeout: 2 } } });
        const nodes = await Promise.all([node(), node()]);
        const proxy = await createProxy(nodes[0]!.port);
        const line = await open(proxy.url, transport);
        t.after(async () => {
          // Faye asks for ever to be let go.
          await line.close();
          await closeAll(proxy, ...nodes);
        });
        const room = unique("room");
        await line.ask({ event: "roomChange", room });

        let n = 0;
        const over = new AbortController();
        const trouble = (async () => {
          for (let turn = 1; !over.signal.aborted; turn += 1) {
            await sleep(500 + (turn % 3) * 100);
            proxy.target(nodes[turn % 2]!.port);
            // What is on its way then is lost, though the server has written it.
            proxy.blackhole(true);
            await sleep(60);
            proxy.cutAll();
            proxy.blackhole(false);
          }
        })();
        for (; n < MESSAGES; n += 1) {
          await nodes[n % 2]!.api.rooms.broadcast(room, n);
          await sleep(PAUSE);
        }
        over.abort();
        await trouble;

        const all = Array.from({ length: MESSAGES }, (_, index) => index);
        await eventually(() => line.said.some(({ message }) => message === MESSAGES - 1), {
          timeout: 20_000,
        });
        const heard = line.said.map(({ message }) => message as number);
        const first = heard.filter((message, index) => heard.indexOf(message) === index);
        assert.deepEqual(first, all);
        t.diagnostic(`${heard.length - first.length} came more than once`);
      });
    }
  }
});
