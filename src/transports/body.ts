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
  /** Those that have been read meanwhile are left out with the next tick. */
  #pending: PendingBody[] = [];

  constructor(options: Pick<TransportOptions, "bodyBytes" | "bodyTimeout">, sweep: Sweep) {
    this.#limit = options.bodyBytes;
    this.#patienceMs = options.bodyTimeout * 1000;
    this.#sweep = sweep;
    sweep.add((now) => this.#expire(now));
  }

  read(request: IncomingMessage, outcome: BodyOutcome): void {
    this.#sweep.wake();
    const body = new PendingBody(outcome, this.#limit, this.#sweep.now + this.#patienceMs);
    this.#pending.push(body);
    request.on("data", (chunk: Buffer) => body.take(chunk));
    request.on("end", () => body.end());
    // Comes last in every case, and is all that comes when the peer has gone.
    request.on("close", () => body.forget());
    // A broken request ends in "close" too; without a listener the error would end the process.
    request.on("error", () => body.forget());
    if (Number(request.headers["content-length"]) > this.#limit) body.fail("too-large");
  }

  #expire(now: number): boolean {
    this.#pending = this.#pending.filter((body) => !body.expire(now));
    return this.#pending.length > 0;
  }
}

const NOBODY: BodyOutcome = { read() {}, failed() {}, drained() {} };

class PendingBody {
  #outcome: BodyOutcome;
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
    const outcome = this.#outcome;
    const chunks = this.#chunks;
    const state = this.#state;
    this.forget();
    if (state === "discarding") outcome.drained();
    if (state !== "reading") return;
    const [first] = chunks;
    outcome.read(chunks.length === 1 && first !== undefined ? first : Buffer.concat(chunks));
  }

  /** It is over, and holds nothing any more. */
  forget(): void {
    this.#state = "done";
    this.#outcome = NOBODY;
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
    if (this.#state === "done") return true;
    if (now < this.#deadline) return false;
    const outcome = this.#outcome;
    if (this.#state === "reading") this.fail("too-slow");
    this.forget();
    outcome.drained();
    return true;
  }
}
