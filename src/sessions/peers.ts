import { z } from "zod";
import type { Engine } from "../engine/contract.ts";
import type { Clock, Log, Timer } from "../ports.ts";

/** What nodes say to each other. Version 1; unknown kinds are ignored, so that a newer node may say more. */
const message = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("ask"), id: z.number(), body: z.unknown() }),
  z.object({ kind: z.literal("answer"), id: z.number(), body: z.unknown() }),
  z.object({ kind: z.literal("tell"), body: z.unknown() }),
]);

/** No answer in time: the other node may or may not have done what was asked. */
export class NoAnswer extends Error {
  override readonly name = "NoAnswer";
}

/** Questions of other nodes remembered, to recognise a repeat. */
const REMEMBERED = 512;

interface Waiting {
  readonly resolve: (body: unknown) => void;
  readonly reject: (failed: NoAnswer) => void;
  readonly timer: Timer;
}

/** Questions and answers between nodes over the engine's inboxes. */
export class Peers {
  readonly #engine: Engine;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #waiting = new Map<number, Waiting>();
  readonly #asked = new Map<string, Promise<unknown>>();
  #next = 1;
  /** Questions of other nodes that are not answered yet. */
  answering = 0;
  /** Answers other nodes' questions; may reject, then there is no answer. */
  onAsk: (from: string, body: unknown) => Promise<unknown> = () => Promise.reject(new Error("not listening"));
  /** Takes what other nodes say without wanting an answer. */
  onTell: (from: string, body: unknown) => void = () => {};

  constructor(engine: Engine, clock: Clock, log: Log) {
    this.#engine = engine;
    this.#clock = clock;
    this.#log = log;
  }

  /** Rejects with {@link NoAnswer} after `timeout` milliseconds. */
  ask(node: string, body: unknown, timeout: number): Promise<unknown> {
    const id = this.#next;
    this.#next += 1;
    return new Promise((resolve, reject) => {
      const timer = this.#clock.after(timeout, () => {
        this.#waiting.delete(id);
        reject(new NoAnswer(`node ${node} did not answer within ${timeout} ms`));
      });
      this.#waiting.set(id, { resolve, reject, timer });
      this.#engine.send(node, JSON.stringify({ kind: "ask", id, body })).catch((failure: unknown) => {
        timer.cancel();
        if (this.#waiting.delete(id)) reject(failure);
      });
    });
  }

  tell(node: string, body: unknown): void {
    this.#engine
      .send(node, JSON.stringify({ kind: "tell", body }))
      .catch((err: unknown) => this.#log.warn({ node, err }, "a message to another node was not sent"));
  }

  receive(from: string, text: string): void {
    let parsed: z.infer<typeof message>;
    try {
      parsed = message.parse(JSON.parse(text));
    } catch (err) {
      this.#log.warn({ from, err }, "another node said something this version does not know");
      return;
    }
    switch (parsed.kind) {
      case "ask": {
        const { id, body } = parsed;
        this.answering += 1;
        this.#once(`${from} ${id}`, () => this.onAsk(from, body))
          .then(
            (answer) =>
              this.#engine
                .send(from, JSON.stringify({ kind: "answer", id, body: answer }))
                .catch((err: unknown) => this.#log.warn({ from, err }, "an answer was not sent")),
            (err: unknown) => this.#log.warn({ from, err }, "a question of another node failed"),
          )
          .finally(() => {
            this.answering -= 1;
          });
        return;
      }
      case "answer": {
        const waiting = this.#waiting.get(parsed.id);
        if (!waiting) return;
        this.#waiting.delete(parsed.id);
        waiting.timer.cancel();
        waiting.resolve(parsed.body);
        return;
      }
      case "tell":
        this.onTell(from, parsed.body);
    }
  }

  /** A question that the network delivered twice is acted on once. */
  #once(question: string, act: () => Promise<unknown>): Promise<unknown> {
    const known = this.#asked.get(question);
    if (known) return known;
    const answer = act();
    this.#asked.set(question, answer);
    if (this.#asked.size > REMEMBERED) this.#asked.delete(this.#asked.keys().next().value!);
    return answer;
  }

  /** Nobody waits any longer: what was asked may be done or not. */
  stop(): void {
    for (const { timer, reject } of this.#waiting.values()) {
      timer.cancel();
      reject(new NoAnswer("this node is stopping"));
    }
    this.#waiting.clear();
  }
}
