interface Place {
  readonly topic: string;
  readonly offset: number;
}

interface Log {
  /** What is added to the offsets of the present log. */
  base: number;
  last: number;
  readonly losses: number[];
}

/** One line of offsets for each topic, though the store lost its log in between: a loss has a place of its own there. */
export class Places {
  readonly #logs = new Map<string, Log>();
  /** How often the store has lost everything. */
  losses = 0;

  /** Called in the order in which things happened. */
  of({ topic, offset }: Place): number {
    const log = this.#log(topic);
    const place = log.base + offset;
    log.last = Math.max(log.last, place);
    return place;
  }

  emptied(): void {
    this.losses += 1;
    for (const log of this.#logs.values()) lose(log);
  }

  /** Where the topic's log was lost for the `n`th time, from 1. */
  loss(topic: string, n: number): number {
    return this.#log(topic).losses[n - 1]!;
  }

  /** Where it was lost next after that place; the place itself when it was not. */
  lossAfter(topic: string, place: number): number {
    return this.#log(topic).losses.find((loss) => loss > place) ?? place;
  }

  lossesOf(topic: string): readonly number[] {
    return this.#log(topic).losses;
  }

  #log(topic: string): Log {
    let log = this.#logs.get(topic);
    if (!log) {
      log = { base: 0, last: 0, losses: [] };
      for (let n = 0; n < this.losses; n += 1) lose(log);
      this.#logs.set(topic, log);
    }
    return log;
  }
}

function lose(log: Log): void {
  log.last += 1;
  log.base = log.last;
  log.losses.push(log.last);
}
