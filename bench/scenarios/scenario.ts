import type { Sample, Scale } from "../lib/round.ts";
import type { Peer, Peers } from "../peers.ts";

/** A server with its clients. */
export interface Stage {
  round(): Promise<Sample>;
  close(): Promise<void>;
}

interface Subject {
  readonly name: string;
  readonly title: string;
  /** Of `cost`. */
  readonly unit: string;
  readonly peers: Peers;
  /** Only measured when asked for. */
  readonly long?: true;
}

/** Servers at one and the same work. */
export interface Scenario extends Subject {
  /** What Actionwire is to keep to: at most so much, or so many times what that peer needs. */
  readonly goal?: { readonly most: number } | { readonly peer: string; readonly times: number };
  /** How often at most; one round may say all there is to say, and take long. */
  readonly rounds?: number;
  open(peer: Peer, scale: Scale): Promise<Stage>;
}

/** A stage on which there is more and more. */
export interface GrowingStage extends Stage {
  grow(size: number): Promise<void>;
}

/** How the cost of the same work grows with something. */
export interface Series extends Subject {
  /** What grows. */
  readonly axis: string;
  /** What Actionwire is to keep to: from where it is cheapest on never more than so many times as much. */
  readonly flat: number;
  sizes(scale: Scale): readonly number[];
  open(peer: Peer, scale: Scale): Promise<GrowingStage>;
}
