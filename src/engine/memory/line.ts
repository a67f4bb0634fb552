import type { Hold } from "../contract.ts";

/** How long a line is kept for whoever held it last (milliseconds). */
export const LINE_MEMORY = 24 * 60 * 60_000;

/** Who holds a topic as its line, or held it last. */
export class Line {
  #holder: string | null = null;
  #former: string | null = null;
  #proofs: readonly string[] = [];
  #releasedAt = 0;

  get holder(): string | null {
    return this.#holder;
  }

  take(hold: Hold, now: number): boolean {
    if (this.#holder !== null && this.#holder !== hold.holder) return false;
    if (this.#holder === null && !this.#free(hold, now)) return false;
    this.#holder = hold.holder;
    this.#proofs = hold.proofs;
    return true;
  }

  /** What is left of it where the log begins anew: whoever held it has let go. */
  anew(now: number): Line {
    const line = new Line();
    line.#former = this.#holder ?? this.#former;
    line.#proofs = this.#proofs;
    line.#releasedAt = this.#holder === null ? this.#releasedAt : now;
    return line;
  }

  release(holder: string, now: number): void {
    if (this.#holder !== holder) return;
    this.#holder = null;
    this.#former = holder;
    this.#releasedAt = now;
  }

  /** Nobody holds it and nobody has a right to it any more. */
  forgotten(now: number): boolean {
    return this.#holder === null && (this.#former === null || now - this.#releasedAt >= LINE_MEMORY);
  }

  #free(hold: Hold, now: number): boolean {
    return (
      this.forgotten(now) ||
      this.#former === hold.holder ||
      hold.proofs.some((proof) => this.#proofs.includes(proof))
    );
  }
}
