/** A poll, a publish and a socket of one stock session at three nodes: one ordered history, in any interleaving. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { NO_FAULTS } from "../../src/engine/index.ts";
import type { Node } from "../../src/node-contract.ts";
import type { Link } from "../../src/sessions/gateway.ts";
import { seededRandom } from "../../src/testing/fake-clock.ts";
import { Dice } from "../simulation/time.ts";
import {
  connect,
  handshake,
  isDelivery,
  lineOf,
  type Message,
  minted,
  publish,
  subscribe,
} from "../wire/support/messages.ts";
import { World } from "./world.ts";

const SEEDS = 12;
const ROUNDS = 40;

/** A poll, or a socket. */
interface Carrier {
  readonly node: Node;
  readonly transport: "long-polling" | "websocket";
  /** Of a poll; null while it is held. */
  answer: Message[] | null;
}

interface Said {
  readonly n: number;
  /** Null until it is answered. */
  ack: Message | null;
}

const deliveries = (messages: readonly Message[]): Message[] =>
  messages.filter(isDelivery).map(({ data }) => data as Message);

/** The reply to the connect. */
const connected = (messages: readonly Message[] | null): Message | undefined =>
  messages?.find(({ channel }) => channel === "/meta/connect");

const numbers = (heard: readonly Message[], of: "say" | "told"): number[] =>
  heard
    .filter(({ context }) => context === "user")
    .map(({ message }) => String(message).split(" "))
    .filter(([kind]) => kind === of)
    .map(([, n]) => Number(n));

/** A stock client with its line at three nodes, and somebody else who is in its room. */
class Play {
  readonly w = new World();
  readonly #dice: Dice;
  readonly #slow: boolean;
  nodes: Node[] = [];
  readonly heard: { data: Message; by: Carrier }[] = [];
  readonly said: Said[] = [];
  readonly told: number[] = [];
  readonly watched: Message[] = [];
  /** What was seen, one at a time. */
  readonly seen = { pollsReplaced: 0, socketsReplaced: 0, pollsLeftAlone: 0, pollsAnswered: 0 };
  /** What may still carry the session. */
  current: Carrier | null = null;
  #clientId = "";
  #line = "";
  #watcher = "";
  #connects = 0;

  constructor(seed: number, slow: boolean) {
    this.#dice = new Dice(seededRandom(seed));
    this.#slow = slow;
  }

  async begin(): Promise<void> {
    const all = [await this.w.node(), await this.w.node(), await this.w.node()];
    this.nodes = all.map(({ node }) => node);
    [this.#clientId, this.#line] = await this.#enter();
    [this.#watcher] = await this.#enter();
    const way = { lose: 0, repeat: 0, delay: [0, 30] } as const;
    const slow = { ...NO_FAULTS, delay: [0, 15], pushes: way, messages: way } as const;
    if (this.#slow) for (const { engine } of all) engine.faults = slow;
  }

  async #enter(): Promise<[clientId: string, line: string]> {
    const [first] = this.nodes;
    const [shaken] = await this.w.post(first!, handshake());
    const { clientId, connectionId } = minted(shaken!);
    await this.w.post(first!, subscribe(clientId, lineOf(connectionId)));
    return [clientId, lineOf(connectionId)];
  }

  anywhere(): Node {
    return this.#dice.pick(this.nodes);
  }

  elsewhere(): Node {
    return this.#dice.pick(this.nodes.filter((node) => node !== this.current?.node));
  }

  /** Sends one request whose answer, an array, comes later. */
  #ask(node: Node, message: Message, answered: (answer: Message[]) => void): void {
    const send: Link["send"] = (text, done) => {
      answered(JSON.parse(text) as Message[]);
      done?.(true);
    };
    node.gateway.receive([message], { ...this.w.link, send });
  }

  #hear(by: Carrier, messages: readonly Message[]): void {
    for (const data of deliveries(messages)) this.heard.push({ data, by });
  }

  poll(node: Node, timeout = 25_000): Carrier {
    const carrier: Carrier = { node, transport: "long-polling", answer: null };
    this.#connects += 1;
    const message = connect(this.#clientId, { id: `c${this.#connects}`, advice: { timeout } });
    this.#ask(node, message, (answer) => {
      assert.equal(carrier.answer, null, "answered twice");
      carrier.answer = answer;
      this.#hear(carrier, answer);
    });
    return carrier;
  }

  socket(node: Node): Carrier {
    const carrier: Carrier = { node, transport: "websocket", answer: null };
    const link: Link = {
      ...this.w.link,
      transport: "websocket",
      once: false,
      send: (text, done) => {
        this.#hear(carrier, JSON.parse(text) as Message[]);
        done?.(true);
      },
    };
    this.#connects += 1;
    const message = connect(this.#clientId, { id: `c${this.#connects}`, connectionType: "websocket" });
    node.gateway.receive([message], link);
    return carrier;
  }

  carry(node: Node): Carrier {
    return this.#dice.chance(0.5) ? this.poll(node) : this.socket(node);
  }

  /** A publish over HTTP. */
  say(node: Node): Said {
    const said: Said = { n: this.said.length, ack: null };
    this.said.push(said);
    const data = { event: "say", message: `say ${said.n}`, messageId: `m${said.n}` };
    this.#ask(node, publish(this.#clientId, this.#line, data, { id: `p${said.n}` }), ([ack]) => {
      said.ack = ack!;
    });
    return said;
  }

  /** A publish that is answered with nothing but its acknowledgement. */
  async greet(node: Node): Promise<void> {
    let ack: Message | undefined;
    this.#ask(node, publish(this.#clientId, "/_welcome", "hello", { id: "w" }), ([answer]) => {
      ack = answer;
    });
    await this.pass();
    assert.equal(ack?.successful, true);
  }

  tell(node: Node): void {
    const n = this.told.length;
    this.told.push(n);
    void node.api.rooms.broadcast("defaultRoom", `told ${n}`);
  }

  /** So long that all that was begun is done; nothing that waits for its time is. */
  pass(): Promise<void> {
    return this.w.clock.advance(this.#slow ? 2_000 : 0);
  }

  async watch(): Promise<void> {
    const [first] = this.nodes;
    const now = connect(this.#watcher, { advice: { timeout: 0 } });
    this.watched.push(...deliveries(await this.w.post(first!, now)));
  }

  carried(): number {
    return this.nodes.reduce((all, node) => all + node.counts().carried, 0);
  }

  /** Which of these carries the session: it brings what is said now, and it alone does. */
  async carrierOf(carriers: readonly Carrier[]): Promise<Carrier | null> {
    if (this.carried() === 0) return null;
    const before = this.heard.length;
    this.tell(this.anywhere());
    await this.pass();
    const [found, ...more] = this.heard.slice(before);
    assert.deepEqual(more, []);
    assert.ok(found !== undefined && carriers.includes(found.by));
    return found.by;
  }

  /** One after the other: what each does is certain. */
  async one(): Promise<void> {
    const { current } = this;
    const kind = this.#dice.pick(["carry", "carry", "say", "greet", "tell"] as const);
    const before = this.heard.length;
    const brought = (): Carrier[] => this.heard.slice(before).map(({ by }) => by);
    switch (kind) {
      case "carry": {
        const first = this.carry(this.elsewhere());
        await this.pass();
        // What has brought what was owed does not wait.
        const next = first.answer === null ? first : this.poll(first.node);
        await this.pass();
        if (current?.transport === "long-polling") {
          assert.equal(connected(current.answer)?.successful, true, "the poll before it is answered at once");
          assert.deepEqual(deliveries(current.answer ?? []), []);
          this.seen.pollsReplaced += 1;
        }
        assert.ok(this.carried() <= 1);
        this.current = next.answer === null ? next : null;
        if (this.current === null) return;
        if (next.transport === "long-polling" && this.#dice.chance(0.7)) return;
        this.tell(this.anywhere());
        await this.pass();
        assert.ok(
          brought().every((by) => by === first || by === next),
          "the one before it brings nothing any more",
        );
        assert.equal(brought().at(-1), next);
        if (current?.transport === "websocket") this.seen.socketsReplaced += 1;
        break;
      }
      case "greet":
        await this.greet(this.elsewhere());
        assert.equal(current?.answer ?? null, null, "a publish elsewhere answers no held connect");
        if (current?.transport === "long-polling") this.seen.pollsLeftAlone += 1;
        assert.equal(this.carried(), current === null ? 0 : 1);
        assert.equal(current?.node.counts().carried ?? 1, 1);
        break;
      case "say": {
        const said = this.say(this.elsewhere());
        await this.pass();
        assert.equal(said.ack?.successful, true);
        if (current?.transport === "long-polling") this.seen.pollsAnswered += 1;
        // What carries the session brings the response: it was not sent away.
        assert.deepEqual(brought(), current === null ? [] : [current]);
        break;
      }
      case "tell":
        this.tell(this.anywhere());
        await this.pass();
        assert.deepEqual(brought(), current === null ? [] : [current]);
    }
    const answer = connected(this.current?.answer ?? null);
    if (answer) assert.equal((answer.advice as { interval: number }).interval, 0, "answered, not evicted");
    if (answer) this.current = null;
  }

  /** All at once, at any nodes. */
  async many(): Promise<void> {
    const carriers = this.current ? [this.current] : [];
    const begun = this.said.length;
    for (let left = this.#dice.between(2, 6); left > 0; left -= 1) {
      const kind = this.#dice.pick(["poll", "socket", "say", "say", "tell"] as const);
      if (kind === "poll") carriers.push(this.poll(this.anywhere()));
      else if (kind === "socket") carriers.push(this.socket(this.anywhere()));
      else if (kind === "say") this.say(this.anywhere());
      else this.tell(this.anywhere());
      if (this.#dice.chance(0.3)) await this.w.clock.advance(this.#dice.between(0, 20));
    }
    await this.w.clock.advance(3_000);
    for (const { n, ack } of this.said.slice(begun)) assert.ok(ack, `say ${n} is answered`);
    assert.ok(this.carried() <= 1);
    const waiting = carriers.filter(
      ({ transport, answer }) => transport === "long-polling" && answer === null,
    );
    assert.ok(waiting.length <= this.carried(), "only the last claim waits");
    const found = await this.carrierOf(carriers);
    this.current = found?.answer === null ? found : null;
  }

  async play(): Promise<void> {
    await this.begin();
    for (let round = 0; round < ROUNDS; round += 1) {
      if (this.#dice.chance(0.75)) await this.one();
      else await this.many();
      await this.watch();
    }
    for (let times = 0; times < 5; times += 1) {
      this.poll(this.anywhere(), 0);
      await this.w.clock.advance(3_000);
    }
    await this.watch();
  }

  judge(): void {
    const heard = this.heard.map(({ data }) => data);
    assert.equal(heard.filter(({ welcome }) => welcome !== undefined).length, 1);
    assert.deepEqual(
      heard.filter(({ gap }) => gap !== undefined),
      [],
    );
    // The log has one order, and everything that was taken once; the client heard the rest of it in that order.
    const log = numbers(this.watched, "told");
    assert.deepEqual(
      [...log].sort((a, b) => a - b),
      this.told,
    );
    assert.deepEqual(numbers(heard, "told"), log);
    assert.deepEqual(numbers(heard, "say"), [], "nobody hears himself");
    const says = numbers(this.watched, "say");
    const done = this.said.filter(({ ack }) => ack?.successful === true).map(({ n }) => n);
    assert.deepEqual(
      [...says].sort((a, b) => a - b),
      done,
    );
    // They were done in the order in which their responses came and were counted.
    const responses = heard.filter(({ context }) => context === "response");
    assert.deepEqual(
      responses.map(({ messageId }) => messageId),
      says.map((n) => `m${n}`),
    );
    const counts = responses.map(({ messageCount }) => Number(messageCount));
    assert.deepEqual(
      counts,
      [...counts].sort((a, b) => a - b),
    );
    assert.ok(responses.every(({ status }) => status === "OK"));
  }
}

for (const slow of [false, true]) {
  test(`a poll, a publish and a socket of one session at three nodes give one ordered history${slow ? ", on slow ways" : ""}`, async () => {
    const seen: Play["seen"][] = [];
    for (let seed = 1; seed <= SEEDS; seed += 1) {
      const play = new Play(seed, slow);
      try {
        await play.play();
        play.judge();
        seen.push(play.seen);
      } catch (cause) {
        throw new Error(`seed ${seed}: ${cause instanceof Error ? cause.message : cause}`, { cause });
      }
    }
    for (const what of ["pollsReplaced", "socketsReplaced", "pollsLeftAlone", "pollsAnswered"] as const)
      assert.ok(seen.reduce((all, one) => all + one[what], 0) >= SEEDS / 2, what);
  });
}
