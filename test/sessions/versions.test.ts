/** Nodes of an older and of a newer version beside one of this one: rolling deploys. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Runner } from "../../src/actions/runner.ts";
import type { Engine } from "../../src/engine/index.ts";
import { parseCredential } from "../../src/sessions/ids.ts";
import {
  connect,
  handshake,
  lineOf,
  type Message,
  minted,
  publish,
  subscribe,
} from "../wire/support/messages.ts";
import { World } from "./world.ts";

type Fields = Record<string, string>;
type At = Awaited<ReturnType<World["node"]>>;

/** Has a node write its records as another version would. */
function writes(engine: Engine, change: <F>(fields: Record<string, F>) => Record<string, F>): void {
  const { createConnection, writeConnection, claimConnection, restoreConnection } = engine;
  Object.assign(engine, {
    createConnection: (id, fields) => createConnection(id, change(fields)),
    writeConnection: (id, fence, fields, act) => writeConnection(id, fence, change(fields), act),
    claimConnection: (id, expect, fields) => claimConnection(id, expect, change(fields)),
    restoreConnection: (id, fence, fields) => restoreConnection(id, fence, change(fields)),
  } satisfies Partial<Engine>);
}

/** Has a node say to others what another version would. */
function speaks(engine: Engine, change: (said: Message) => Message): void {
  const { send } = engine;
  engine.send = (node, text) => send(node, JSON.stringify(change(JSON.parse(text) as Message)));
}

interface Stock {
  readonly clientId: string;
  readonly line: string;
  readonly id: string;
}

async function stock(w: World, { node }: At): Promise<Stock> {
  const [shaken] = await w.post(node, handshake());
  const { clientId, connectionId } = minted(shaken!);
  await w.post(node, subscribe(clientId, lineOf(connectionId)));
  return { clientId, line: lineOf(connectionId), id: parseCredential(clientId)!.connection };
}

async function poll(w: World, { node }: At, { clientId }: Stock): Promise<Message[]> {
  const answer = await w.post(node, connect(clientId, { advice: { timeout: 0 } }));
  assert.equal(answer.at(-1)!.successful, true);
  return answer.flatMap(({ data }) => (data === undefined ? [] : [data as Message]));
}

const messages = (heard: readonly Message[]): unknown[] =>
  heard.filter(({ context }) => context === "user").map(({ message }) => message);
const responses = (heard: readonly Message[]): unknown[] =>
  heard.filter(({ context }) => context === "response").map(({ messageId }) => messageId);

/** A stock client that says, hears and is answered, and whose polls go to one node and another. */
async function conversation(w: World, first: At, second: At): Promise<Stock> {
  const somebody = await stock(w, first);
  let said = 0;
  const say = async ({ node }: At): Promise<void> => {
    said += 1;
    const data = { event: "detailsView", messageId: `m${said}` };
    const [ack] = await w.post(node, publish(somebody.clientId, somebody.line, data, { id: `p${said}` }));
    assert.equal(ack!.successful, true);
  };
  const heard: Message[] = [];
  for (let times = 0; times < 2; times += 1) {
    for (const [here, there] of [
      [first, second],
      [second, first],
    ] as const) {
      heard.push(...(await poll(w, here, somebody)));
      await here.node.api.rooms.broadcast("defaultRoom", `told ${said}`);
      await say(here);
      await say(there);
      heard.push(...(await poll(w, there, somebody)));
    }
  }
  heard.push(...(await poll(w, first, somebody)));
  assert.deepEqual(messages(heard), ["told 0", "told 2", "told 4", "told 6"]);
  assert.deepEqual(responses(heard), ["m1", "m2", "m3", "m4", "m5", "m6", "m7", "m8"]);
  assert.equal(heard.filter(({ welcome }) => welcome !== undefined).length, 1);
  assert.equal(heard.filter(({ gap }) => gap !== undefined).length, 0);
  return somebody;
}

const two = async (w: World): Promise<[At, At]> => [await w.node(), await w.node()];

test("a record without the fields that are new is read, and goes back to the node that knows none of them", async () => {
  const w = new World();
  const [first, second] = await two(w);
  const known = new Set([
    "who",
    "session",
    "resume",
    "line",
    "rooms",
    "channels",
    "cursors",
    "verb",
    "counts",
  ]);
  writes(first.engine, (fields) =>
    Object.fromEntries(Object.entries(fields).filter(([name]) => known.has(name))),
  );
  await conversation(w, first, second);
});

test("fields of a record that are unknown are left alone, beside those that are known and in them", async () => {
  const w = new World();
  const [first, second] = await two(w);
  const { createConnection, writeConnection } = first.engine;
  const newer = (fields: Fields): Fields => ({
    ...fields,
    mood: '"fine"',
    ...(fields.rooms && { rooms: JSON.stringify({ ...JSON.parse(fields.rooms), colours: { x: 1 } }) }),
  });
  first.engine.createConnection = (id, fields) => createConnection(id, newer(fields));
  first.engine.writeConnection = (id, fence, fields, act) =>
    writeConnection(id, fence, newer(fields as Fields), act);
  const { id } = await conversation(w, first, second);
  assert.equal((await second.engine.readConnection(id))?.fields.mood, '"fine"');
});

test("whatever else a newer node says beside what is known does no harm, nor that an older one does not say it", async () => {
  const w = new World();
  const [first, second] = await two(w);
  speaks(first.engine, (said) => {
    const { body } = said;
    const more = { trace: "t", since: 2 };
    return { ...said, ...more, body: typeof body === "object" && body ? { ...body, ...more } : body };
  });
  await conversation(w, first, second);
});

test("what a node hands over with a session may lack anything, and have more", async () => {
  const lacking = new Set<string>();
  const scenario = async (without: string | null): Promise<void> => {
    const w = new World();
    const [first, second] = await two(w);
    for (const { engine } of [first, second])
      speaks(engine, (said) => {
        const { luggage } = (said.body ?? {}) as { luggage?: Record<string, unknown> };
        if (!luggage) return said;
        const { [without ?? ""]: _without, ...rest } = luggage;
        for (const name of Object.keys(luggage)) lacking.add(name);
        return { ...said, body: { ...(said.body as object), luggage: { ...rest, umbrella: [1] } } };
      });
    const somebody = await stock(w, first);
    await poll(w, first, somebody);
    for (const at of [second, first, second]) {
      await at.node.api.rooms.broadcast("defaultRoom", "told");
      // The first poll at a node may be answered before the room is read there.
      const heard = [...(await poll(w, at, somebody)), ...(await poll(w, at, somebody))];
      assert.deepEqual(messages(heard), ["told"], `without ${without}`);
    }
  };
  await scenario(null);
  assert.ok(lacking.size > 5);
  for (const name of [...lacking]) await scenario(name);
});

test("texts of another version are not understood, and nothing comes of that", async () => {
  const w = new World();
  const [first, second] = await two(w);
  const somebody = await stock(w, second);
  await poll(w, second, somebody);
  const { owner } = (await second.engine.readConnection(somebody.id))!;
  const ask = (id: unknown, body: unknown): object => ({ kind: "ask", id, body });
  const command = (command: unknown): object =>
    ask(1_000, { op: "execute", connection: somebody.id, command });
  const texts = [
    "",
    "{",
    "null",
    "[7]",
    ...[
      { kind: "gossip", about: somebody.id },
      ask("seven", {}),
      ask(1_001, { op: "divine", connection: somebody.id }),
      ask(1_002, null),
      ask(1_003, { op: "release" }),
      ask(1_004, { op: "take", connection: "nobody" }),
      command({ op: "foresee", digest: "d" }),
      command({ op: "server", command: { kind: "paint", colour: "red" } }),
      command(null),
      { kind: "answer", id: 1_005, body: { value: 1 } },
      { kind: "tell" },
      { kind: "tell", body: null },
      { kind: "tell", body: { weather: "fine" } },
      { kind: "tell", body: { connection: somebody.id, luggage: null } },
      { kind: "tell", body: { connection: somebody.id, luggage: { umbrella: 1 } } },
    ].map((said) => JSON.stringify(said)),
  ];
  for (const text of texts) {
    await first.engine.send(owner, text);
    await w.clock.advance(100);
  }
  assert.equal(second.node.counts().sessions, 1);
  await first.node.api.rooms.broadcast("defaultRoom", "told");
  const data = { event: "detailsView", messageId: "m1" };
  const [ack] = await w.post(first.node, publish(somebody.clientId, somebody.line, data));
  assert.equal(ack!.successful, true);
  const heard = await poll(w, second, somebody);
  assert.deepEqual([messages(heard), responses(heard)], [["told"], ["m1"]]);
});

test("a node that does not know how to take a session over keeps nobody from going on", async () => {
  const w = new World({ cluster: { lease: 4, drain: 5 } });
  const busy: Runner["run"] = async () => {
    await new Promise<void>((resolve) => w.clock.after(4_000, resolve));
    return { ok: true, response: {} };
  };
  const [first, second] = [await w.node(undefined, { run: busy }), await w.node()];
  const [somebody, another] = [await stock(w, first), await stock(w, first)];
  await poll(w, first, somebody);
  let asked = 0;
  speaks(first.engine, (said) => {
    const { op, ...rest } = (said.body ?? {}) as Message;
    if (op !== "take") return said;
    asked += 1;
    return { ...said, body: { op: "adopt", ...rest } };
  });
  const call = { event: "action", params: { action: "it" } };
  await w.post(first.node, publish(another.clientId, another.line, call));
  const stopped = first.node.stop(5_000);
  await w.clock.advance(10_000);
  await stopped;
  assert.ok(asked > 0);
  await second.node.api.rooms.broadcast("defaultRoom", "told");
  const heard = [...(await poll(w, second, somebody)), ...(await poll(w, second, somebody))];
  assert.deepEqual(messages(heard), ["told"]);
});
