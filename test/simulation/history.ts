import { createHash } from "node:crypto";
import type { EntryKind } from "../../src/engine/contract.ts";

/** What a client asks. `op` numbers everything a client asks, from 1. */
export interface Ask {
  readonly op: number;
  readonly verb:
    | "connect"
    | "say"
    | "roomChange"
    | "listenToRoom"
    | "silenceRoom"
    | "action"
    | "read"
    | "leave";
  /** The text of a say, the room of a verb, the id of an action's call. */
  readonly subject: string;
  /** Of an action. */
  readonly promise?: "plain" | "idempotent" | "journal";
}

/** One thing that happened. Facts stand in the order in which they happened; that order is what the checker judges by. */
export type Fact =
  | ({ readonly kind: "ask"; readonly client: number } & Ask)
  /** `code`: null on success. */
  | {
      readonly kind: "answer";
      readonly client: number;
      readonly op: number;
      readonly code: string | null;
      readonly reply: unknown;
    }
  /** An event handler of the client was called. */
  | {
      readonly kind: "heard";
      readonly client: number;
      readonly event: string;
      readonly message: Readonly<Record<string, unknown>>;
    }
  /** The client's record of its own connection: a handshake reply with this id reached it. */
  | { readonly kind: "id"; readonly client: number; readonly connection: string; readonly resumed: boolean }
  | { readonly kind: "link"; readonly client: number; readonly event: string; readonly connection: string }
  /** The client was taken away for good, without a word. */
  | { readonly kind: "died"; readonly client: number }
  /** The server's application asked for something to be delivered. */
  | {
      readonly kind: "send";
      readonly id: number;
      readonly to: { readonly connection: string } | { readonly room: string };
    }
  | { readonly kind: "sent"; readonly id: number; readonly outcome: "stored" | "unknown" | "not" }
  | { readonly kind: "ran"; readonly call: string; readonly node: number }
  /** What the store did. */
  | {
      readonly kind: "stored";
      readonly topic: string;
      readonly epoch: string;
      readonly offset: number;
      readonly entry: EntryKind;
      readonly from: string | null;
      readonly payload: Readonly<Record<string, unknown>>;
      /** It may have happened earlier than where it stands, but not before this fact. Not there: it stands where it happened. */
      readonly since?: number;
    }
  | {
      /** `rejoined`: a member already, but the store had lost that. `faded`: left, when the store had lost that it was a member. */
      readonly kind: "joined" | "rejoined" | "left" | "faded";
      readonly topic: string;
      readonly connection: string;
      readonly epoch: string;
      readonly offset: number;
    }
  /** The store lost everything. */
  | { readonly kind: "emptied" }
  /** A connection that the store had lost, and whose node died before it could be registered again. */
  | { readonly kind: "orphaned"; readonly connection: string }
  | { readonly kind: "fault"; readonly what: string }
  | { readonly kind: "error"; readonly what: string }
  | { readonly kind: "calm" }
  /** How things stood in the end. */
  | { readonly kind: "members"; readonly room: string; readonly connections: readonly string[] }
  | {
      readonly kind: "stands";
      readonly client: number;
      readonly state: string;
      readonly connection: string | null;
      readonly room: string | null;
    };

export class History {
  readonly facts: Fact[] = [];
  readonly times: number[] = [];
  readonly #now: () => number;
  readonly #verbose: boolean;

  constructor(now: () => number, verbose: boolean) {
    this.#now = now;
    this.#verbose = verbose;
  }

  add(fact: Fact): void {
    this.facts.push(fact);
    const at = this.#now();
    this.times.push(at);
    if (this.#verbose) this.note(JSON.stringify(fact));
  }

  /** For whoever reads a replay; no part of the history. */
  note(text: string): void {
    if (this.#verbose) console.log(`${(this.#now() / 1000).toFixed(3).padStart(9)}  ${text}`);
  }

  get verbose(): boolean {
    return this.#verbose;
  }

  digest(): string {
    const hash = createHash("sha256");
    for (const [index, fact] of this.facts.entries())
      hash.update(`${this.times[index]} ${JSON.stringify(fact)}\n`);
    return hash.digest("hex");
  }
}
