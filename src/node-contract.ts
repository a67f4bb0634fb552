import type { Api } from "./api.ts";
import type { Gateway } from "./sessions/gateway.ts";

/** How things stand on a node, for metrics. */
export interface NodeCounts {
  /** Sessions this node serves, those that are away included. */
  readonly sessions: number;
  /** Of these, the ones that something carries now. */
  readonly carried: number;
  /** Topics that somebody here reads. */
  readonly topics: number;
  /** Sockets, streams and requests that sessions are bound to. */
  readonly links: number;
  /** Bayeux messages that came in since the start. */
  readonly received: number;
  /** Bayeux messages (deliveries and replies) that were handed to sockets and streams since the start. */
  readonly sent: number;
  /** Gap notices that sessions were told since the start. */
  readonly gaps: number;
  /** Slow consumers that were disconnected since the start. */
  readonly slow: number;
}

/** Everything a node is but its sockets. Built by `createNode` in node.ts. */
export interface Node {
  readonly api: Api;
  readonly gateway: Gateway;
  /** Resolves also while the engine cannot be reached. After it failed it may be called again. */
  start(): Promise<void>;
  /** Engine answers, lease held, not draining. */
  ready(): Promise<boolean>;
  counts(): NodeCounts;
  /**
   * Tells clients to come back elsewhere, waits for actions under way and for `others`, at most `bound` ms; then gives the lease
   * up.
   */
  stop(bound: number, others?: Promise<void>): Promise<void>;
}
