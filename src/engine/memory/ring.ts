/** A queue on a growing circular buffer: no element moves when the oldest one goes. */
export class Ring<T> {
  #slots: (T | undefined)[] = new Array(8);
  #first = 0;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** `index` 0 is the oldest; must be below `length`. */
  at(index: number): T {
    return this.#slots[(this.#first + index) & (this.#slots.length - 1)] as T;
  }

  push(item: T): void {
    if (this.#length === this.#slots.length) this.#grow();
    this.#slots[(this.#first + this.#length) & (this.#slots.length - 1)] = item;
    this.#length += 1;
  }

  /** Takes the oldest out; only while `length` is not 0. */
  shift(): T {
    const item = this.#slots[this.#first] as T;
    this.#slots[this.#first] = undefined;
    this.#first = (this.#first + 1) & (this.#slots.length - 1);
    this.#length -= 1;
    return item;
  }

  /** Index of the first item for which `test` holds; it must hold for all after it. `length` when for none. */
  search(test: (item: T) => boolean): number {
    let low = 0;
    let high = this.#length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (test(this.at(middle))) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  /** Capacity is a power of two, so that a mask finds the slot. */
  #grow(): void {
    const old = this.#slots;
    const slots: (T | undefined)[] = new Array(old.length * 2);
    for (let i = 0; i < this.#length; i++) slots[i] = old[(this.#first + i) & (old.length - 1)];
    this.#slots = slots;
    this.#first = 0;
  }
}
