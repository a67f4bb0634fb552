/** How many sockets, event streams and unanswered requests each client address has. */
export class Addresses {
  readonly #most: number;
  readonly #counts = new Map<string, number>();

  /** `most`: of one address; 0 for no limit. */
  constructor(most: number) {
    this.#most = most;
  }

  /** Whether one more is too many. */
  full(address: string): boolean {
    return this.#most > 0 && (this.#counts.get(address) ?? 0) >= this.#most;
  }

  add(address: string): void {
    if (this.#most > 0) this.#counts.set(address, (this.#counts.get(address) ?? 0) + 1);
  }

  remove(address: string): void {
    if (this.#most === 0) return;
    const left = (this.#counts.get(address) ?? 0) - 1;
    if (left > 0) this.#counts.set(address, left);
    else this.#counts.delete(address);
  }
}
