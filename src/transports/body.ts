/** Reads request bodies: bounded in bytes and in time. */
import type { IncomingMessage } from "node:http";
import type { TransportOptions } from "./options.ts";
import type { Sweep } from "./sweep.ts";

/**
 * `too-large` and `too-slow` are told at once, so that the answer can be on its way; what still arrives is thrown
 * away, and `drained` is called when it ended or took too long.
 */
export interface BodyOutcome {
  read(body: Buffer): void;
  failed(reason: "too-large" | "too-slow"): void;
  drained(): void;
}

export class Bodies {
  readonly #limit: number;
  readonly #patienceMs: number;
  readonly #sweep: Sweep;
  readonly #pending = new Set<PendingBody>();

  constructor(options: Pick<TransportOptions, "bodyBytes" | "bodyTimeout">, sweep: Sweep) {
    this.#limit = options.bodyBytes;
    this.#patienceMs = options.bodyTimeout * 1000;
    this.#sweep = sweep;
    sweep.add((now) => this.#expire(now));
  }

  read(request: IncomingMessage, outcome: BodyOutcome): void {
    this.#sweep.wake();
    const body = new PendingBody(outcome, this.#limit, this.#sweep.now + this.#patienceMs);
    this.#pending.add(body);
    request.on("data", (chunk: Buffer) => body.take(chunk));
    request.on("end", () => body.end());
    // Comes last in every case, and is all that comes when the peer has gone.
    request.on("close", () => this.#pending.delete(body));
    // A broken request ends in "close" too; without a listener the error would end the process.
    request.on("error", () => this.#pending.delete(body));
    if (Number(request.headers["content-length"]) > this.#limit) body.fail("too-large");
  }

  #expire(now: number): boolean {
    for (const body of this.#pending) if (body.expire(now)) this.#pending.delete(body);
    return this.#pending.size > 0;
  }
}

class PendingBody {
  readonly #outcome: BodyOutcome;
  readonly #limit: number;
  readonly #deadline: number;
  #chunks: Buffer[] = [];
  #size = 0;
  #state: "reading" | "discarding" | "done" = "reading";

  constructor(outcome: BodyOutcome, limit: number, deadline: number) {
    this.#outcome = outcome;
    this.#limit = limit;
    this.#deadline = deadline;
  }

  take(chunk: Buffer): void {
    if (this.#state !== "reading") return;
    this.#size += chunk.length;
    if (this.#size > this.#limit) this.fail("too-large");
    else this.#chunks.push(chunk);
  }

  end(): void {
    const state = this.#state;
    this.#state = "done";
    if (state === "discarding") this.#outcome.drained();
    if (state !== "reading") return;
    const [first] = this.#chunks;
    this.#outcome.read(
      this.#chunks.length === 1 && first !== undefined ? first : Buffer.concat(this.#chunks),
    );
    this.#chunks = [];
  }

  /** To close while the peer is still sending would reset the connection and take the answer with it. */
  fail(reason: "too-large" | "too-slow"): void {
    this.#state = "discarding";
    this.#chunks = [];
    this.#outcome.failed(reason);
  }

  /** Whether this one is over. */
  expire(now: number): boolean {
    if (now < this.#deadline) return false;
    if (this.#state === "reading") this.fail("too-slow");
    if (this.#state === "discarding") {
      this.#state = "done";
      this.#outcome.drained();
    }
    return true;
  }
}
