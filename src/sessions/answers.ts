import type { Advice, ConnectMessage } from "../bayeux/index.ts";
import {
  connectReply,
  failure,
  handshakeAgain,
  none,
  retry,
  timesync,
  unknownClient,
} from "../bayeux/index.ts";
import type { Clock } from "../ports.ts";
import type { Acks } from "./acks.ts";
import type { Link } from "./gateway.ts";
import type { Links } from "./links.ts";
import type { Packed } from "./outbox.ts";
import type { SessionTimes } from "./times.ts";

/** Interval in the answer to a connect that another one replaced: with 0 two of them chase each other (BAYEUX 3.8). */
export const EVICTED_INTERVAL = 5000;

/**
 * Interval in the answer to a poll for which an event stream was opened: by then it is open at the client, too, which says so with
 * its next connect. Behind a proxy that holds streams back it never is, and what went over it would be lost.
 */
export const OFFERED_INTERVAL = 100;

/** Interval in the answer to a connect for which the store could not be told what its answer carries. */
export const UNWRITTEN_INTERVAL = 1000;

/** Stands for the connect of a client that has none here, and is answered all the same: on its event stream, or its socket. */
const UNASKED: ConnectMessage = {
  kind: "connect",
  id: undefined,
  clientId: "",
  connectionType: "eventsource",
  timeout: null,
  ext: {},
};

/** A connect. */
interface Asked {
  readonly message: ConnectMessage;
  /** When it came, milliseconds since 1970; now when it is left out. */
  readonly since?: number;
}

export interface AnswersParts {
  readonly links: Links;
  readonly clock: Clock;
  readonly times: SessionTimes;
  readonly acks: Acks | null;
}

/** How the connects of a session are answered. */
export class Answers {
  readonly #parts: AnswersParts;

  constructor(parts: AnswersParts) {
    this.#parts = parts;
  }

  /** Milliseconds until the next connect; as configured when it is left out. */
  advice(interval = this.#parts.times.interval): Advice {
    const { timeout, grace } = this.#parts.times;
    return retry(timeout, interval, grace);
  }

  /** To a connect beside an event stream: it is not held, and the next one comes when it would have been answered. */
  streaming(): Advice {
    const { timeout, grace } = this.#parts.times;
    return retry(0, timeout, grace);
  }

  /** The text of a reply. `replies`: what goes out with it and no log holds. */
  text({ message, since }: Asked, advice: Advice, replies: readonly Packed[] = []): string {
    const { clock, acks } = this.#parts;
    const now = clock.now();
    const times = timesync(message.ext, since ?? now, now);
    const ext = { ...(acks && { ack: acks.send(replies) }), ...(times && { timesync: times }) };
    return JSON.stringify(connectReply(message, { advice, ...(Object.keys(ext).length > 0 && { ext }) }));
  }

  /** The text of the last reply, to a session that has ended; to no connect at all where there is none. */
  last(held: Asked | null, reconnect: "none" | "handshake"): string {
    const { timeout } = this.#parts.times;
    const asked = held ?? { message: UNASKED };
    if (reconnect === "none") return this.text(asked, none(timeout));
    return JSON.stringify(failure(asked.message, "401::Session ended", { reconnect, interval: 0, timeout }));
  }

  /** The text of a reply, to no connect at all where there is none, that has its client begin again after an interval. */
  again(message = UNASKED, interval = 0): string {
    const advice = handshakeAgain(interval, this.#parts.times.timeout);
    return JSON.stringify(failure(message, unknownClient(message.clientId), advice));
  }

  /** Answers a connect, if there is one, with nothing else. `interval`: until the next one, milliseconds. */
  reply(asked: (Asked & { readonly link: Link }) | null, interval?: number): void {
    if (asked) this.give(asked.link, [this.text(asked, this.advice(interval))]);
  }

  /** Hands message texts to a link; a request is answered with them. */
  give(link: Link, texts: readonly string[]): void {
    if (link.once) link.send(`[${texts.join(",")}]`);
    else this.#parts.links.push(link, texts);
  }
}
