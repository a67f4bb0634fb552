export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

const PER_OCTAVE = 64;

/** Times of any number, to about one percent. Milliseconds. */
export class Histogram {
  readonly #counts = new Uint32Array(32 * PER_OCTAVE);
  #total = 0;

  add(ms: number): void {
    this.#counts[Math.floor(Math.log2(1 + ms * 1000) * PER_OCTAVE)]! += 1;
    this.#total += 1;
  }

  /** 0 when nothing was added. */
  quantile(share: number): number {
    let left = this.#total * share;
    for (let index = 0; index < this.#counts.length; index += 1) {
      left -= this.#counts[index]!;
      if (left <= 0) return this.#total === 0 ? 0 : (2 ** ((index + 0.5) / PER_OCTAVE) - 1) / 1000;
    }
    return Number.POSITIVE_INFINITY;
  }
}
