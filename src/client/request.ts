import type { ClientError } from "./errors.ts";
import type { Message } from "./wire.ts";

/**
 * - `say`: numbered within its room; takes effect once.
 * - `verb`: roomChange, listenToRoom, silenceRoom; numbered together, one at a time, everything behind it waits.
 * - `read`: may be asked again at will.
 * - `action`: may be asked again; the server decides what that means.
 * - `raw`: what `send` was given; nothing is known about it, so it is never repeated.
 */
export type Kind = "say" | "verb" | "read" | "action" | "raw";

export type Settle = (error: ClientError | null, reply: Message | undefined) => void;

export interface Request {
  readonly id: string;
  readonly kind: Kind;
  readonly data: Readonly<Record<string, unknown>>;
  /** Asked by the client itself, to set the connection up. */
  readonly own: boolean;
  readonly settle: Settle;
  state: "waiting" | "sent";
  /** How often it was sent, over all lines. */
  sends: number;
  /** Copies on the present line whose acknowledgement has not come. */
  copies: number;
  /** How many lines in a row were lost with this as the first thing on them that was not acknowledged. */
  losses: number;
  /** A copy went out whose fate is not known and cannot be asked for any more. */
  doubt: boolean;
  /** A copy went out on a connection that is lost, and its fate is not known: this one knows nothing of it. */
  rebuilt: boolean;
  /** It was told to wait for an earlier one: this copy was not stored. */
  parked: boolean;
  /** Numbered under: room and epoch for a say. */
  n: number | undefined;
  room: string | undefined;
  epoch: string | undefined;
}

export interface Sendable {
  readonly request: Request;
  readonly data: object;
  readonly ext: object | undefined;
}

export function newRequest(
  id: string,
  kind: Kind,
  data: Readonly<Record<string, unknown>>,
  own: boolean,
  settle: Settle,
): Request {
  return {
    id,
    kind,
    data,
    own,
    settle,
    state: "waiting",
    sends: 0,
    copies: 0,
    losses: 0,
    doubt: false,
    rebuilt: false,
    parked: false,
    n: undefined,
    room: undefined,
    epoch: undefined,
  };
}

const VERBS = ["roomChange", "listenToRoom", "silenceRoom"];
const READS = ["detailsView", "roomView", "documentation"];

/** A raw message that asks for what may be repeated is repeated; the rest is left alone. */
export function kindOfRaw(event: unknown): Kind {
  if (event === "action") return "action";
  return READS.includes(String(event)) ? "read" : "raw";
}

export function isRoomVerb(event: unknown): boolean {
  return VERBS.includes(String(event));
}

/** What goes on the wire. */
export function sendable(request: Request): Sendable {
  // One that was surely not done is asked for anew.
  const again = request.kind === "action" && (request.doubt || request.rebuilt) ? { resend: true } : {};
  const data = { ...request.data, messageId: request.id, ...again };
  let ext: object | undefined;
  if (request.n !== undefined) {
    ext = request.kind === "say" ? { room: request.room, n: request.n } : { n: request.n };
  } else if (request.rebuilt) {
    ext = { rebuilt: true };
  }
  return { request, data, ext };
}
