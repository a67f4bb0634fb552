import type { Sample, Scale } from "../lib/round.ts";
import type { Peer, Peers } from "../peers.ts";

/** A server with its clients. */
export interface Stage {
  round(): Promise<Sample>;
  close(): Promise<void>;
}

export interface Scenario {
  readonly name: string;
  readonly title: string;
  /** Of `cost`. */
  readonly unit: string;
  /** What Actionwire is to keep to: at most so many times what that peer needs. */
  readonly goal?: { readonly peer: string; readonly times: number };
  /** How often at most; one round may say all there is to say, and take long. */
  readonly rounds?: number;
  readonly peers: Peers;
  open(peer: Peer, scale: Scale): Promise<Stage>;
}
