/** Pages asked for without a change in between, or changes without a page: what the sorted copy must earn. */
const CHANGES_UNREAD = 256;

/**
 * A set of ids that can be paged in order. The order costs nothing until somebody pages, is then kept up to date,
 * and is dropped again when nobody has asked for a while.
 */
export class OrderedIds {
  readonly #ids = new Set<string>();
  #sorted: string[] | null = null;
  #unread = 0;

  get size(): number {
    return this.#ids.size;
  }

  add(id: string): void {
    if (this.#ids.has(id)) return;
    this.#ids.add(id);
    const sorted = this.#changing();
    if (sorted) sorted.splice(firstAfter(sorted, id), 0, id);
  }

  delete(id: string): boolean {
    if (!this.#ids.delete(id)) return false;
    const sorted = this.#changing();
    if (sorted) sorted.splice(firstAfter(sorted, id) - 1, 1);
    return true;
  }

  /** At most `limit` ids, ascending, after `after`. */
  page(after: string | null, limit: number): string[] {
    this.#sorted ??= [...this.#ids].sort();
    this.#unread = 0;
    const start = after === null ? 0 : firstAfter(this.#sorted, after);
    return this.#sorted.slice(start, start + Math.max(limit, 0));
  }

  #changing(): string[] | null {
    this.#unread += 1;
    if (this.#unread > CHANGES_UNREAD) this.#sorted = null;
    return this.#sorted;
  }
}

function firstAfter(sorted: readonly string[], id: string): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (sorted[middle]! > id) high = middle;
    else low = middle + 1;
  }
  return low;
}
