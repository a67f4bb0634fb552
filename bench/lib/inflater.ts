import { constants, inflateRawSync } from "node:zlib";

/** Is left out at the end of each message. */
const TAIL = Buffer.from([0, 0, 0xff, 0xff]);
const WINDOW = 32_768;
const finishFlush = constants.Z_SYNC_FLUSH;

/** Reads what permessage-deflate has compressed. */
export class Inflater {
  /** What a message may refer to; null where each one stands for itself. */
  #window: Buffer | null;

  constructor(remembers: boolean) {
    this.#window = remembers ? Buffer.alloc(0) : null;
  }

  /** The same bytes are not the same message. */
  get remembers(): boolean {
    return this.#window !== null;
  }

  inflate(message: Buffer): Buffer {
    const bytes = Buffer.concat([message, TAIL]);
    const window = this.#window;
    if (window === null) return inflateRawSync(bytes, { finishFlush });
    const text = inflateRawSync(bytes, {
      finishFlush,
      ...(window.length > 0 ? { dictionary: window } : {}),
    });
    this.#window = Buffer.concat([window, text]).subarray(-WINDOW);
    return text;
  }
}
