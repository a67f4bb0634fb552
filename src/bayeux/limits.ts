import { CHANNEL_LIMITS, type ChannelLimits } from "./grammar.ts";

/** How much one unit (a request body, a frame) may hold. */
export interface UnitLimits {
  /** Levels of nesting in one message, the message itself being the first. */
  readonly depth: number;
  readonly messageBytes: number;
  /** Messages in one unit. */
  readonly batch: number;
}

/** What `parseMessage` has to know of this server. */
export interface MessageLimits extends ChannelLimits {
  /** Subscriptions named by one message. */
  readonly subscriptions: number;
  /** The connection types offered here: what a handshake is answered with, and what a connect may name. */
  readonly types: readonly string[];
  /** Milliseconds that a connect is held; refused connects carry it in their advice. */
  readonly timeout: number;
}

export const DEFAULT_UNIT_LIMITS: UnitLimits = { depth: 64, messageBytes: 128 * 1024, batch: 1000 };

export const DEFAULT_MESSAGE_LIMITS: MessageLimits = {
  ...CHANNEL_LIMITS,
  subscriptions: 100,
  types: ["long-polling", "cross-origin-long-polling", "callback-polling", "websocket", "eventsource"],
  timeout: 25_000,
};
