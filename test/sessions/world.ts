import assert from "node:assert/strict";
import type { Runner } from "../../src/actions/runner.ts";
import { type Config, type ConfigInput, resolveConfig } from "../../src/config/index.ts";
import { type FaultyEngine, faulty, MemoryStore, memoryEngine } from "../../src/engine/index.ts";
import { type Around, intercept } from "../../src/engine/intercept.ts";
import type { Hooks } from "../../src/hooks.ts";
import { createNode } from "../../src/node.ts";
import type { Node } from "../../src/node-contract.ts";
import type { Link } from "../../src/sessions/gateway.ts";
import { FakeClock, seededRandom } from "../../src/testing/fake-clock.ts";
import {
  connect,
  handshake,
  lineOf,
  type Message,
  minted,
  publish,
  subscribe,
} from "../wire/support/messages.ts";

export const LEASE = 4_000;
export const GRACE = 30_000;
const quiet = { debug() {}, info() {}, warn() {}, error() {} };
const runner: Runner = {
  run: async () => ({ ok: true, response: {} }),
  promises: () => null,
  documentation: () => ({}),
  list: () => [],
};

/** What our client adds to a say. */
export const stamped = (n: number) => ({ ext: { actionwire: { n, room: "defaultRoom" } } });

/** Real nodes over one memory store, on a fake clock, and clients that speak Bayeux by hand. */
export class World {
  readonly clock = new FakeClock();
  readonly random = seededRandom(1);
  readonly store = new MemoryStore({ clock: this.clock, random: this.random });
  readonly #config: Config;
  readonly #hooks: Hooks;

  constructor(config: ConfigInput = {}, hooks: Hooks = {}) {
    this.#hooks = hooks;
    this.#config = resolveConfig({
      faye: { grace: GRACE / 1000 },
      cluster: { lease: LEASE / 1000 },
      ...config,
    });
  }

  readonly link: Link = {
    transport: "long-polling",
    once: true,
    writable: true,
    requester: { remoteIP: "10.0.0.1", remotePort: 1, secure: false, headers: {}, cookies: {} },
    send() {},
    close() {},
  };

  /** `around` may make operations of its engine fail. */
  async node(
    around: Around = (_operation, run) => run(),
    actions: Partial<Runner> = {},
  ): Promise<{ node: Node; engine: FaultyEngine }> {
    const { clock, random } = this;
    const engine = faulty(intercept(memoryEngine(this.store), around), { clock, random });
    const [config, hooks] = [this.#config, this.#hooks];
    const given = { config, hooks, runner: { ...runner, ...actions }, engine, clock, random, log: quiet };
    const node = createNode(given);
    await node.start();
    return { node, engine };
  }

  /** One request over HTTP, and all that comes back. */
  async post(node: Node, ...unit: Message[]): Promise<Message[]> {
    const { answer, arrived } = await this.slowly(node, ...unit);
    arrived();
    return answer;
  }

  /** One request whose answer has arrived at its client when that is said. */
  async slowly(node: Node, ...unit: Message[]): Promise<{ answer: Message[]; arrived: () => void }> {
    let answer: string | undefined;
    let handed: ((whole: boolean) => void) | undefined;
    node.gateway.receive(unit, {
      ...this.link,
      send: (text, done) => {
        answer = text;
        handed = done;
      },
    });
    await this.clock.advance(100);
    assert.ok(answer !== undefined, "answered at once");
    return { answer: JSON.parse(answer) as Message[], arrived: () => handed?.(true) };
  }

  /** A session of our own client, with its line. */
  async begin(node: Node): Promise<{ clientId: string; line: string; token: string }> {
    const [shaken] = await this.post(node, handshake({ ext: { actionwire: { client: 1 } } }));
    const { clientId, connectionId } = minted(shaken!);
    const { resume } = (shaken!.ext as { actionwire: { resume: { token: string } } }).actionwire;
    await this.post(node, subscribe(clientId, lineOf(connectionId)));
    return { clientId, line: lineOf(connectionId), token: resume.token };
  }

  /** What is owed to it; it presents no positions, and has the replies of the poll before. */
  poll(node: Node, clientId: string): Promise<Message[]> {
    this.#polls += 1;
    const ext = { actionwire: { positions: {} } };
    return this.post(node, connect(clientId, { id: String(this.#polls), advice: { timeout: 0 }, ext }));
  }
  #polls = 0;

  /** Says something under a number; the acknowledgement, and the code of the response ("" when it is done). */
  async say(
    node: Node,
    { clientId, line }: { clientId: string; line: string },
    n: number,
  ): Promise<{ ack: Message; code: string | undefined }> {
    const said = publish(
      clientId,
      line,
      { event: "say", message: `say ${n}`, messageId: `m${n}` },
      stamped(n),
    );
    const [ack] = await this.post(node, said);
    const response = (await this.poll(node, clientId))
      .map(({ data }) => data as Message | undefined)
      .find((data) => data?.messageId === `m${n}`);
    return { ack: ack!, code: response && String(response.code ?? "") };
  }

  async resume(node: Node, token: string, attempt?: number): Promise<Message> {
    const resume = { token, positions: {}, ...(attempt === undefined ? {} : { attempt }) };
    const [shaken] = await this.post(node, handshake({ ext: { actionwire: { client: 1, resume } } }));
    return shaken!;
  }

  async resumes(node: Node, token: string): Promise<boolean> {
    const shaken = await this.resume(node, token);
    const { resume } = (shaken.ext as { actionwire: { resume: { resumed: boolean } } }).actionwire;
    return resume.resumed;
  }
}
