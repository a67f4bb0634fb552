/** Clients of every transport that say and hear numbers, wherever their sessions are served. */
import assert from "node:assert/strict";
import { mock, type TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fayeWithAllTransports } from "../chaos/transports.ts";
import { type Player, player } from "../cuts/stage.ts";
import { type Closable, closeAll, collector, eventually } from "../support/index.ts";
import { cometdDriver, newCometd, shake } from "../wire/support/cometd.ts";
import type { Driver } from "../wire/support/driver.ts";
import { fayeDriver, newFaye, onHandshake } from "../wire/support/faye.ts";
import { lineOf, type Message, minted } from "../wire/support/messages.ts";

// With an event stream Faye connects once more 25 s after each answer, and waits for that even when it has ended.
const { setTimeout: original } = globalThis;
mock.method(globalThis, "setTimeout", (task: () => void, ms = 0, ...args: []) => {
  const timer = original(task, ms, ...args);
  return ms > 20_000 ? timer.unref() : timer;
});

/** Well below the 25 s after which a client that has noticed nothing connects once more. */
const PATIENCE = { timeout: 15_000, interval: 50 };
export const OURS = ["websocket", "long-polling", "eventsource", "callback-polling"] as const;
const THEIRS = ["websocket", "long-polling"] as const;
type Theirs = (typeof THEIRS)[number];

/** Somebody who says and hears numbers. */
export interface Somebody {
  readonly name: string;
  say(n: number): Promise<unknown>;
  heard(): number[];
  /** Whether it is what it was in the beginning. */
  check(): void;
}

/** A client whose server is gone may have nobody to say goodbye to. */
const patiently = (end: () => Promise<unknown>): Closable => ({
  close: () => Promise.race([end(), sleep(2_000, undefined, { ref: false })]),
});

/** A stock client that has its line. `handshakes`: how many it has made. */
async function stock(name: string, driver: Driver, handshakes: () => number): Promise<Somebody> {
  const { connectionId } = driver;
  const line = collector<Message>();
  assert.equal(await driver.subscribe(lineOf(connectionId), line.push), null);
  await line.find(({ welcome }) => welcome !== undefined);
  return {
    name,
    async say(message) {
      assert.equal(await driver.publish(lineOf(connectionId), { event: "say", message }), null);
    },
    heard: () =>
      line.all
        .filter(({ context, message }) => context === "user" && /^\d+$/.test(String(message)))
        .map(({ message }) => Number(message)),
    check: () => assert.equal(handshakes(), 1, `${name} shook hands again`),
  };
}

async function faye(own: (thing: Closable) => void, base: string, transport: Theirs): Promise<Somebody> {
  const client = newFaye(base);
  own(patiently(async () => client.disconnect()));
  // Those that were added for ours.
  for (const added of ["eventsource", "callback-polling"]) client.disable(added);
  if (transport === "long-polling") client.disable("websocket");
  let handshakes = 0;
  client.addExtension({
    incoming(message, next) {
      if (message.channel === "/meta/handshake" && message.successful) handshakes += 1;
      next(message);
    },
  });
  const shaken = onHandshake(client);
  void client.publish("/_welcome", "hello").then(
    () => {},
    () => {},
  );
  const { connectionId } = minted(await shaken);
  return stock(`Faye, ${transport}`, fayeDriver(client, connectionId, transport), () => handshakes);
}

async function cometd(own: (thing: Closable) => void, base: string, transport: Theirs): Promise<Somebody> {
  const client = newCometd(base, transport);
  let handshakes = 0;
  client.addListener("/meta/handshake", ({ successful }) => {
    if (successful) handshakes += 1;
  });
  const { connectionId } = minted(await shake(client));
  const driver = cometdDriver(client, connectionId, transport);
  own(patiently(() => driver.close()));
  return stock(`CometD, ${transport}`, driver, () => handshakes);
}

async function our(
  own: (thing: Closable) => void,
  base: string,
  transport: (typeof OURS)[number],
): Promise<Somebody> {
  const who: Player = player({ host: base, faye: fayeWithAllTransports(), transports: [transport] });
  own(patiently(() => who.client.disconnect()));
  await who.client.connect();
  const { id } = who.client;
  // A session that has just moved is carried by nothing until its next poll arrives.
  await eventually(async () =>
    assert.equal(((await who.client.detailsView()).data as Message).transport, transport),
  );
  return {
    name: transport,
    say: (n) => who.client.say(String(n)),
    heard: () => who.numbers(),
    check() {
      assert.deepEqual(who.gaps(), [], transport);
      assert.equal(who.client.id, id, transport);
    },
  };
}

/** Four clients of ours, each on another transport, then two of Faye's and two of CometD's. */
export async function cast(t: TestContext, base: string): Promise<Somebody[]> {
  const things: Closable[] = [];
  t.after(() => closeAll(...things));
  const own = (thing: Closable): void => void things.push(thing);
  return Promise.all([
    ...OURS.map((transport) => our(own, base, transport)),
    ...THEIRS.map((transport) => faye(own, base, transport)),
    ...THEIRS.map((transport) => cometd(own, base, transport)),
  ]);
}

/** Everybody has heard, once and in the order in which each of them said it, what all the others said. */
export async function everybodyHears(all: readonly Somebody[], said: ReadonlyMap<number, readonly number[]>) {
  for (const [i, { name, heard, check }] of all.entries()) {
    const by = (numbers: readonly number[], speaker: number): number[] =>
      numbers.filter((n) => said.get(speaker)!.includes(n));
    const expected = [...said].filter(([speaker]) => speaker !== i);
    await eventually(() => {
      const numbers = heard();
      for (const [speaker, own] of expected) assert.deepEqual(by(numbers, speaker), own, name);
      assert.equal(
        numbers.length,
        expected.reduce((sum, [, own]) => sum + own.length, 0),
        name,
      );
    }, PATIENCE);
    check();
  }
}
