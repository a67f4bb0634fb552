import type { Ext } from "../bayeux/index.ts";
import type { Position } from "../engine/contract.ts";
import type { Outbox } from "./outbox.ts";
import { positionsOf } from "./positions.ts";

/** What is known of what a client has of all that was handed over to it (docs/protocol.md §6). */
export class Receipts {
  readonly #outbox: Outbox;
  #certain: boolean;
  #untouched = true;
  #said: Ext | null = null;
  /** Told of what the client presents; the rooms' layer re-opens what is owed of a room just left. */
  onPresented: ((said: (topic: string) => Position | null) => void) | undefined;

  constructor(outbox: Outbox, certain: boolean) {
    this.#outbox = outbox;
    this.#certain = certain;
  }

  /** Whether what was handed over so far is what the client has: only then may more be. */
  get certain(): boolean {
    return this.#certain;
  }

  /** What the client said it has, as long as nothing was handed over since. */
  get said(): Ext | null {
    return this.#certain && this.#untouched ? this.#said : null;
  }

  /** Something is handed over. */
  handOver(): void {
    this.#untouched = false;
  }

  /** An answer was given, and whether it arrives is told by what the client presents next. */
  doubt(): void {
    this.#certain = false;
  }

  /** What carried the deliveries has gone: whatever went over it since the client's last word may be lost. */
  cut(): void {
    this.#certain &&= this.#untouched;
  }

  /** The client's word, where it gives it. */
  present(ext: Ext): void {
    const said = positionsOf(ext);
    if (said === null) return;
    this.seek(said);
    this.#said = ext;
  }

  /** Goes on from the positions that the client says it has. */
  seek(said: (topic: string) => Position | null): void {
    this.#outbox.present(said);
    this.onPresented?.(said);
    this.#certain = true;
    this.#untouched = true;
  }
}
