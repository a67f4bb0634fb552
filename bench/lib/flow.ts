import { Histogram } from "./statistics.ts";
import { textOf } from "./text.ts";

/** Bytes of a text. */
const LENGTH = 100;
/** In flight at most; a power of two. */
const RING = 4_096;
const PATIENCE = 10_000;

/** What was received in all flows of a round. */
export class Meter {
  deliveries = 0;
  latency = new Histogram();

  reset(): void {
    this.deliveries = 0;
    this.latency = new Histogram();
  }
}

/** Gets the number of each text that comes. */
export interface Receiver {
  heard(number: number, now: number): void;
}

/** Whoever is to receive all of a flow from some number on, in order. */
class Hearer implements Receiver {
  readonly #flow: Flow;
  #next: number;

  constructor(flow: Flow, next: number) {
    this.#flow = flow;
    this.#next = next;
  }

  heard(number: number, now: number): void {
    if (number !== this.#next) this.#flow.fail(`a receiver got number ${number} instead of ${this.#next}`);
    this.#next = number + 1;
    this.#flow.received(number, now);
  }
}

/** One who speaks, and receivers: a text counts as done when all of them have it. */
export class Flow {
  /** The first thing that went wrong. */
  failure: string | null = null;
  readonly #meter: Meter;
  readonly #length: number;
  readonly #sentAt = new Float64Array(RING);
  readonly #missing = new Int32Array(RING);
  #speak: (text: string) => void = () => {};
  #receivers = 0;
  #sent = 0;
  #inFlight = 0;
  /** Sends a text when one of this flow has reached all. */
  #next: Flow | null = null;
  #timer: NodeJS.Timeout | undefined;
  #drained: (() => void) | null = null;

  constructor(meter: Meter, length = LENGTH) {
    this.#meter = meter;
    this.#length = length;
  }

  /** Of all that is sent from now on. */
  receiver(): Receiver {
    this.#receivers += 1;
    return new Hearer(this, this.#sent);
  }

  speaks(speak: (text: string) => void): void {
    this.#speak = speak;
  }

  get sent(): number {
    return this.#sent;
  }

  /** Keeps so many in flight from now on; when one has reached all, `next` sends another. */
  open(inFlight: number, next: Flow = this): void {
    this.#next = next;
    this.say(inFlight);
  }

  /** Sends so many. */
  say(count: number): void {
    for (let said = 0; said < count; said += 1) this.#send();
  }

  /** Sends one each so many milliseconds from now on; flows that begin together do not send together. */
  every(ms: number): void {
    this.#timer = setTimeout(() => {
      this.#send();
      this.#timer = setInterval(() => this.#send(), ms);
    }, ms * Math.random());
  }

  received(number: number, now: number): void {
    const slot = number & (RING - 1);
    this.#meter.deliveries += 1;
    this.#meter.latency.add(now - this.#sentAt[slot]!);
    if (--this.#missing[slot]! !== 0) return;
    this.#inFlight -= 1;
    if (this.#next !== null) this.#next.#send();
    else if (this.#inFlight === 0) this.#drained?.();
  }

  fail(why: string): void {
    this.failure ??= why;
  }

  /** Sends nothing more, and resolves when all that was sent has been received. */
  async drain(): Promise<void> {
    this.#next = null;
    clearTimeout(this.#timer);
    if (this.#inFlight === 0) return;
    const done = new Promise<void>((resolve) => {
      this.#drained = resolve;
    });
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, PATIENCE);
    });
    await Promise.race([done, late]);
    clearTimeout(timer);
    if (this.#inFlight > 0) this.fail(`${this.#inFlight} of ${this.#sent} texts did not reach all receivers`);
  }

  #send(): void {
    const slot = this.#sent & (RING - 1);
    this.#sentAt[slot] = performance.now();
    this.#missing[slot] = this.#receivers;
    this.#inFlight += 1;
    this.#speak(textOf(this.#sent++, this.#length));
  }
}
