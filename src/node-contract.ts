import type { Api } from "./api.ts";
import type { Gateway } from "./sessions/gateway.ts";

/** Everything a node is but its sockets. Built by `createNode` in node.ts. */
export interface Node {
  readonly api: Api;
  readonly gateway: Gateway;
  start(): Promise<void>;
  /** Engine answers, lease held, not draining. */
  ready(): Promise<boolean>;
  /** Tells clients to come back elsewhere, waits for actions under way, at most `bound` ms; then gives the lease up. */
  stop(bound: number): Promise<void>;
}
