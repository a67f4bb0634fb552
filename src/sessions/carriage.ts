import type { ConnectMessage } from "../bayeux/index.ts";
import type { Clock } from "../ports.ts";
import type { Link } from "./gateway.ts";
import type { Poll } from "./polls.ts";

/** A client's connect that is being held. */
export interface Held {
  readonly message: ConnectMessage;
  readonly link: Link;
  /** Of one that came as a request. */
  readonly poll: Poll | null;
  /** Monotonic milliseconds. */
  readonly deadline: number;
  /** When it came, milliseconds since 1970. */
  readonly since: number;
}

/** Whose carriage it is. */
interface Carried {
  /** What took the deliveries has gone. */
  cut(): void;
  /** It is carried in another way than before, or not any more. */
  stir(): void;
}

/** What carries a session: the socket or the event stream that takes its deliveries, and the connect that is held. */
export class Carriage {
  readonly #clock: Clock;
  readonly #owner: Carried;
  #stream: Link | null = null;
  #events: Link | null = null;
  #held: Held | null = null;
  #polled = false;
  #transport: Link["transport"] = "long-polling";
  #replied = false;
  #adriftSince: number | null;

  constructor(clock: Clock, owner: Carried) {
    this.#clock = clock;
    this.#owner = owner;
    this.#adriftSince = clock.monotonic();
  }

  /** Since when nothing carries it; null while something does. Monotonic milliseconds. */
  get adriftSince(): number | null {
    return this.#adriftSince;
  }

  /** The socket or the event stream that takes the deliveries. */
  get stream(): Link | null {
    return this.#stream;
  }

  /** The open event stream, whether it takes the deliveries or not. */
  get events(): Link | null {
    return this.#events;
  }

  /** Whether its client polled last, and did not mean an event stream. */
  get polled(): boolean {
    return this.#polled;
  }

  get held(): Held | null {
    return this.#held;
  }

  get carried(): boolean {
    return this.#stream !== null || this.#held !== null;
  }

  get transport(): Link["transport"] {
    return this.#stream?.transport ?? this.#held?.link.transport ?? this.#transport;
  }

  /** An event stream or a socket takes the deliveries. */
  take(link: Link): void {
    if (this.#stream === link) return;
    this.drop();
    this.#stream = link;
    this.#replied = false;
    if (link.transport === "eventsource") this.#events = link;
    this.#polled = false;
    this.#transport = link.transport;
    this.#adriftSince = null;
    this.#owner.stir();
  }

  /** An event stream is open, and takes the deliveries when its client shows that it is open there, too. */
  offer(events: Link): void {
    this.#events = events;
  }

  /** Replies that no log holds went over what takes the deliveries now. */
  replied(): void {
    this.#replied = true;
  }

  /** The event stream takes the deliveries, if one is open. */
  resume(): void {
    this.#polled = false;
    if (this.#events !== null) this.take(this.#events);
  }

  /** Its client polls. */
  poll(): void {
    this.#polled = true;
    this.drop();
  }

  /** Nothing takes the deliveries any more; an event stream stays open. */
  drop(): void {
    if (this.#stream === null) return;
    this.#stream = null;
    this.#owner.stir();
    this.#owner.cut();
  }

  hold(held: Held): void {
    this.#held = held;
    this.#transport = held.link.transport;
    if (this.#adriftSince !== null) this.#owner.stir();
    this.#adriftSince = null;
  }

  /** The held connect, which is held no longer. */
  letGo(): Held | null {
    const held = this.#held;
    this.#held = null;
    if (held?.link.once) {
      this.#adriftSince = this.#clock.monotonic();
      this.#owner.stir();
    }
    return held;
  }

  /** A link has gone. True when it was an event stream that broke after replies: positions tell of topics, not of these. */
  unlink(link: Link): boolean {
    const lossy = this.#stream === link && link.transport === "eventsource" && this.#replied;
    if (this.#events === link) this.#events = null;
    if (this.#stream === link) this.drop();
    if (this.#held?.link === link) this.#held = null;
    this.#owner.stir();
    if (!this.carried) this.#adriftSince ??= this.#clock.monotonic();
    return lossy;
  }

  /** Nothing takes the deliveries any more, not even later. The event stream that was open, if there was one. */
  leave(): Link | null {
    const events = this.#events;
    this.drop();
    this.#events = null;
    if (!this.carried) this.#adriftSince ??= this.#clock.monotonic();
    return events;
  }
}
