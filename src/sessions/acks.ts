import type { Ext } from "../bayeux/index.ts";
import { parsePosition } from "../engine/contract.ts";
import type { Outbox, Packed } from "./outbox.ts";
import { lengthOf, packed } from "./outbox.ts";
import type { Receipts } from "./receipts.ts";
import type { ConnectionRecord, RecordField } from "./record.ts";

/** Batches remembered; of more the oldest counts as one with the next. */
const KEPT = 16;
/** Numbers of one owner: those of the next one are beyond them, so that a number never means two batches. */
const NUMBERS = 2 ** 26;

export interface AcksParts {
  readonly record: ConnectionRecord;
  readonly fence: number;
  readonly outbox: Outbox;
  readonly receipts: Receipts;
  /** Has these fields written soon. */
  readonly later: (...fields: RecordField[]) => void;
}

/**
 * Acknowledged delivery, CometD's `ack` extension (docs/protocol.md §3): everything goes out with the replies to connects, each of
 * which has a number, and is owed until the client has said that number. The record has it all, as of a second ago at worst:
 * whoever serves the session next hands over again what may not have arrived.
 */
export class Acks {
  readonly #parts: AcksParts;
  #last: number;

  constructor(parts: AcksParts) {
    this.#parts = parts;
    this.#last = (parts.fence - 1) * NUMBERS;
  }

  /** How many characters of replies are not acknowledged. */
  get unread(): number {
    const sent = this.#parts.record.acks?.sent ?? [];
    return sent.reduce((all, { replies }) => all + lengthOf(replies), 0);
  }

  /** What a connect says: what it acknowledges is forgotten, the rest is owed again. No number, no news. */
  hear(ext: Ext): void {
    const { record, outbox, receipts, later } = this.#parts;
    const { ack } = ext;
    if (typeof ack !== "number" || Number.isNaN(ack)) return;
    const known = record.acks?.sent ?? [];
    const arrived = known.filter(({ n }) => n <= ack);
    const missing = known.filter(({ n }) => n > ack);
    const has = arrived.at(-1);
    if (has) record.cursors = { ...has.cursors };
    outbox.again(missing.flatMap(({ replies }) => replies));
    record.acks = { sent: missing.map((batch) => ({ ...batch, replies: [] })) };
    later("acks", "cursors");
    if (missing.length === 0) outbox.forget();
    const { cursors } = record;
    receipts.seek((topic) => parsePosition(cursors[topic]));
  }

  /** The number of what goes out now: what was read until now, and these replies. */
  send(replies: readonly Packed[]): number {
    const { record, outbox, later } = this.#parts;
    this.#last += 1;
    const batch = { n: this.#last, cursors: outbox.positions(), replies: packed(replies) };
    let sent = [...(record.acks?.sent ?? []), batch];
    if (sent.length > KEPT) {
      const [oldest, next, ...others] = sent;
      sent = [{ ...next!, replies: [...oldest!.replies, ...next!.replies] }, ...others];
    }
    record.acks = { sent };
    later("acks");
    return this.#last;
  }
}
