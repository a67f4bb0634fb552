/** What each thing that a client does costs on Redis, as Redis counts it; docs/cluster.md is held to it. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { after, before, describe, mock, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { Redis } from "ioredis";
import { WebSocket } from "ws";
import { defineAction } from "../../src/actions/index.ts";
import { systemClock } from "../../src/clock.ts";
import { range } from "../cuts/stage.ts";
import { closeAll, eventually, RedisServer } from "../support/index.ts";
import { startServer, type TestServer } from "../support/server.ts";
import { post } from "../wire/support/http.ts";
import {
  connect,
  disconnect,
  handshake,
  lineOf,
  type Message,
  minted,
  publish,
  subscribe,
} from "../wire/support/messages.ts";

interface Cost {
  /** Scripts that nodes called. */
  readonly scripts: number;
  /** Publications, whoever hears them. */
  readonly pushes: number;
  /** Topics and inboxes that nodes began or ceased to hear. */
  readonly watches: number;
  /** Bytes that Redis read and wrote. */
  readonly bytes: number;
}

/** A session as its client holds it. */
interface Client {
  readonly clientId: string;
  readonly line: string;
  readonly token: string;
}

const ROOM = "defaultRoom";
const OURS = { ext: { actionwire: { client: "test" } } };
const config = { cluster: { lease: 3600 }, faye: { timeout: 40 } };
const actions = [
  defineAction({ name: "act", description: "once", run: () => ({}) }),
  defineAction({ name: "again", description: "as often as you like", idempotent: true, run: () => ({}) }),
];

let redis: RedisServer;
let raw: Redis;
/** The third has no members. */
let nodes: TestServer[];
before(async () => {
  redis = await RedisServer.start();
  raw = new Redis(redis.port, "127.0.0.1");
  // What time does (leases, heartbeats, checkpoints) is no part of what a client costs: no timer of a node ever fires.
  mock.method(systemClock, "after", () => ({ cancel: () => {} }));
  nodes = await Promise.all(
    range(0, 3).map(() => startServer({ config, actions, env: { REDIS_URL: redis.url } })),
  );
});
after(async () => {
  mock.restoreAll();
  raw.disconnect();
  await closeAll(...nodes);
  await redis.stop();
});

async function counted(): Promise<{ calls: (name: string) => number; bytes: number }> {
  const text = await raw.info("commandstats", "stats");
  const calls = (name: string): number =>
    Number(new RegExp(`cmdstat_${name}:calls=(\\d+)`).exec(text)?.[1] ?? 0);
  const bytes = (way: string): number => Number(new RegExp(`total_net_${way}_bytes:(\\d+)`).exec(text)?.[1]);
  return { calls, bytes: bytes("input") + bytes("output") };
}

/** What the measuring itself is counted as. */
async function nothing(): Promise<number> {
  await raw.config("RESETSTAT");
  return (await counted()).bytes;
}

/** Nodes believe for half a second what they know of each other. */
const UNKNOWN = 550;

async function cost(work: () => Promise<unknown>): Promise<Cost> {
  const own = await nothing();
  await raw.config("RESETSTAT");
  await work();
  // What is done after the answer: an index put right, a former owner told.
  await sleep(20);
  const { calls, bytes } = await counted();
  return {
    scripts: calls("evalsha") + calls("eval"),
    pushes: calls("spublish"),
    watches: calls("ssubscribe") + calls("sunsubscribe"),
    bytes: bytes - own,
  };
}

let asked = 0;
/** A request of one message; resolves with all of the answer. */
async function ask(node: TestServer, message: Message): Promise<Message[]> {
  const id = `${++asked}`;
  const { body } = await post(`${node.url}/faye`, JSON.stringify([{ ...message, id }]));
  const answer = JSON.parse(body) as Message[];
  assert.equal(answer.find((reply) => reply.id === id)?.successful, true, body);
  return answer;
}

/** What a handshake reply gives. */
function held(answer: readonly Message[]): Client {
  const { clientId, connectionId } = minted(answer[0]!);
  const { token } = (answer[0]!.ext as { actionwire: { resume: { token: string } } }).actionwire.resume;
  return { clientId, line: lineOf(connectionId), token };
}

/** A member of the room on that node: a handshake and a subscription. */
async function member(node: TestServer, more: object = OURS): Promise<Client> {
  const client = held(await ask(node, handshake(more)));
  await ask(node, subscribe(client.clientId, client.line));
  return client;
}

const saying = (client: Client, event: string, more: object = {}): Message =>
  publish(client.clientId, client.line, { event, ...more });

describe("docs/cluster.md says what is so", () => {
  const file = fileURLToPath(new URL("../../docs/cluster.md", import.meta.url));
  const text = readFileSync(file, "utf8");
  const table = text.slice(text.indexOf("<!-- costs -->"), text.indexOf("<!-- /costs -->"));
  const stated = new Map(
    table
      .split("\n")
      .filter((line) => /^\| .*\d/.test(line))
      .map((line) => {
        const [name, ...figures] = line.split("|").slice(1, -1);
        return [name!.trim(), figures.map((figure) => Number(figure.replaceAll(",", "")))] as const;
      }),
  );

  test("every row of the cost table", async () => {
    const [a, b] = nodes as [TestServer, TestServer, TestServer];
    // Both nodes watch the rooms; who comes later finds them watched.
    for (const node of [a, b]) {
      const one = await member(node);
      for (const room of ["second", "third"])
        await ask(node, publish(one.clientId, one.line, { event: "listenToRoom", room }));
    }
    const measured = new Map<string, Cost>();
    const now = { advice: { timeout: 0 } };
    const resume = (token: string) => ({
      ext: { actionwire: { client: "test", resume: { token, positions: {} } } },
    });
    // The first time a connection sends the text of a script, from then on its digest.
    for (const last of [false, true]) {
      const row = async (
        name: string,
        work: () => Promise<unknown>,
        prepare?: () => Promise<unknown>,
        rest = 20,
      ): Promise<void> => {
        await prepare?.();
        await sleep(last ? rest : 20);
        const found = await cost(work);
        if (last) measured.set(name, found);
      };
      const talk = (): Promise<void> => b.api.rooms.broadcast(ROOM, "talk");
      const hears = async (node: TestServer, message: Message): Promise<void> =>
        assert.match(JSON.stringify(await ask(node, message)), /"talk"/);
      let ours!: Client;
      await row("a handshake", async () => {
        ours = held(await ask(a, handshake(OURS)));
      });
      await row(
        "the line subscribed to: the connection is made, and joins its first room",
        () => ask(a, subscribe(ours.clientId, ours.line)),
        async () => {
          ours = held(await ask(a, handshake(OURS)));
        },
      );
      const stock = await member(a, {});
      await row("`say`", () => ask(a, saying(ours, "say", { message: "hello" })));
      await row(
        "`say` that reaches another node than the client's own",
        () => ask(b, saying(ours, "say", { message: "hello" })),
        undefined,
        UNKNOWN,
      );
      // The welcome.
      await ask(a, connect(stock.clientId, now));
      await row("a poll that brings nothing", () => ask(a, connect(stock.clientId, now)));
      await row(
        "a poll that brings messages, our client",
        () => hears(a, connect(ours.clientId, { ...now, ext: { actionwire: { positions: {} } } })),
        talk,
      );
      await row(
        "a poll that brings messages, any other client",
        () => hears(a, connect(stock.clientId, now)),
        talk,
      );
      const back = (): Promise<unknown> => ask(a, connect(stock.clientId, now));
      await row(
        "the same on another node: the session moves there",
        () => hears(b, connect(stock.clientId)),
        () => back().then(talk),
        UNKNOWN,
      );
      await row(
        "the same, not to be held (Faye's first): whether there is an event stream is asked before",
        () => hears(b, connect(stock.clientId, now)),
        () => back().then(talk),
        UNKNOWN,
      );
      await row("`roomView`", () => ask(a, saying(ours, "roomView")));
      await row("`detailsView`", () => ask(a, saying(ours, "detailsView")));
      const act = { params: { action: "act" } };
      await row("an action, our client", () => ask(a, saying(ours, "action", act)));
      await row(
        "an action, any other client, after 32 others",
        () => ask(a, saying(stock, "action", act)),
        async () => {
          await back();
          for (const _one of range(0, 32)) await ask(a, saying(stock, "action", act));
        },
      );
      await row("an idempotent one", () => ask(a, saying(stock, "action", { params: { action: "again" } })));
      await row(
        "`roomChange`",
        () => ask(a, saying(ours, "roomChange", { room: "second" })),
        () => ask(a, saying(ours, "roomChange", { room: ROOM })),
      );
      await row(
        "`listenToRoom`",
        () => ask(a, saying(ours, "listenToRoom", { room: "third" })),
        () => ask(a, saying(ours, "silenceRoom", { room: "third" })),
      );
      await row(
        "`silenceRoom`",
        () => ask(a, saying(ours, "silenceRoom", { room: "third" })),
        () => ask(a, saying(ours, "listenToRoom", { room: "third" })),
      );
      await row("our client resumes, on the same node", async () => {
        ours = { ...held(await ask(a, handshake(resume(ours.token)))), line: ours.line };
      });
      await row(
        "our client resumes, on another node",
        async () => {
          ours = { ...held(await ask(b, handshake(resume(ours.token)))), line: ours.line };
        },
        async () => {
          ours = { ...held(await ask(a, handshake(resume(ours.token)))), line: ours.line };
        },
        UNKNOWN,
      );
      await row(
        "the end: `quit` or `/meta/disconnect`",
        () => ask(a, disconnect(ours.clientId)),
        async () => {
          ours = await member(a);
        },
      );
      await ask(b, disconnect(stock.clientId));
    }
    const rows = [...measured].map(([name, { scripts, pushes, watches, bytes }]) => {
      const rounded = Math.max(0, Math.round(bytes / 100) * 100).toLocaleString("en");
      return `| ${name} | ${scripts} | ${pushes} | ${watches} | ${rounded} |`;
    });
    if (process.env.SHOW_COSTS) console.log(rows.join("\n"));
    assert.deepEqual([...stated.keys()], [...measured.keys()]);
    for (const [name, { scripts, pushes, watches, bytes }] of measured) {
      const [saidScripts, saidPushes, saidWatches, saidBytes = 0] = stated.get(name)!;
      assert.deepEqual([scripts, pushes, watches], [saidScripts, saidPushes, saidWatches], name);
      const off = Math.abs(bytes - saidBytes);
      assert.ok(off <= 300 + saidBytes / 5, `${name}: ${bytes} bytes, not ${saidBytes}`);
    }
  });
});

/** A socket with several sessions on it, that keeps nothing of what it hears but how often somebody spoke. */
class Crowd {
  heard = 0;
  readonly #ws: WebSocket;
  readonly #waiting = new Map<unknown, (reply: Message) => void>();

  private constructor(ws: WebSocket) {
    this.#ws = ws;
    ws.on("message", (text) => {
      for (const message of JSON.parse(String(text)) as Message[]) {
        this.#waiting.get(message.id)?.(message);
        const { context, message: said } = (message.data ?? {}) as Message;
        if (context === "user" && String(said).startsWith("talk")) this.heard += 1;
      }
    });
  }

  static async open(node: TestServer): Promise<Crowd> {
    const ws = new WebSocket(`${node.url.replace("http", "ws")}/faye`);
    await once(ws, "open");
    return new Crowd(ws);
  }

  #send(message: Message): void {
    this.#ws.send(JSON.stringify([message]));
  }

  async #one(message: Message): Promise<Message> {
    const id = `${++asked}`;
    const reply = await new Promise<Message>((resolve) => {
      this.#waiting.set(id, resolve);
      this.#send({ ...message, id });
    });
    assert.equal(reply.successful, true, JSON.stringify(reply));
    return reply;
  }

  /** One more member, carried by this socket. */
  async enter(): Promise<void> {
    const { clientId, connectionId } = minted(await this.#one(handshake(OURS)));
    await this.#one(subscribe(clientId, lineOf(connectionId)));
    // Held; a websocket's connect is answered at its end.
    this.#send(connect(clientId, { connectionType: "websocket" }));
  }

  close(): void {
    this.#ws.terminate();
  }
}

describe("a say costs one script and one push to each node with members", () => {
  const SAYS = 10;
  const crowds: Crowd[] = [];
  const bytes = new Map<number, number>();
  let joined = 0;
  let speaker: Client;
  before(async () => {
    speaker = await member(nodes[0]!);
  });
  after(() => closeAll(...crowds));

  for (const members of [10, 1000]) {
    test(`${members} members`, async () => {
      const [a] = nodes as [TestServer, TestServer, TestServer];
      for (let missing = members - joined; missing > 0; missing = members - joined) {
        const crowd = await Crowd.open(nodes[crowds.length % 2]!);
        crowds.push(crowd);
        const more = crowds.length > 2 ? Math.min(50, missing) : 5;
        await Promise.all(range(0, more).map(() => crowd.enter()));
        joined += more;
      }
      const channel = `actionwire:{t:room:${ROOM}}:push`;
      const [, subscribers] = (await raw.call("PUBSUB", "SHARDNUMSUB", channel)) as [string, number];
      assert.equal(subscribers, 2, "the third node has no members and does not hear it");
      const heard = () => crowds.reduce((sum, crowd) => sum + crowd.heard, 0);
      const before = heard();
      const found = await cost(async () => {
        for (const n of range(0, SAYS)) await ask(a, saying(speaker, "say", { message: `talk ${n}` }));
        await eventually(() => heard() - before >= SAYS * members, { timeout: 60_000 });
      });
      if (process.env.SHOW_COSTS) console.log(members, found);
      assert.equal(heard() - before, SAYS * members, "every member heard every say once");
      assert.deepEqual([found.scripts, found.pushes, found.watches], [SAYS, SAYS, 0]);
      bytes.set(members, found.bytes / SAYS);
    });
  }

  test("the bytes do not depend on how many they are", () => {
    const [few, many] = [bytes.get(10)!, bytes.get(1000)!];
    assert.ok(many < 3_000 && Math.abs(many - few) < 600, `${few} at 10, ${many} at 1000`);
  });
});
