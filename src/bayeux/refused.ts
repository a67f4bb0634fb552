import type { MessageId } from "./messages.ts";

/**
 * Stands in a unit where a message was that nobody should look into: too deep, too large, one too many. A class,
 * because no JSON text can produce an instance of it.
 */
export class Refused {
  readonly id: MessageId;
  readonly channel: string | undefined;
  readonly subscription: string | undefined;
  /** Says whose it was. */
  readonly clientId: unknown;
  readonly error: string;

  constructor(item: unknown, error: string) {
    const message = isObject(item) ? item : NOTHING;
    this.id = idOf(message.id);
    this.channel = typeof message.channel === "string" ? message.channel : undefined;
    this.subscription = typeof message.subscription === "string" ? message.subscription : undefined;
    this.clientId = message.clientId;
    this.error = error;
  }
}

/** Stands for every object that a client left out. */
export const NOTHING: Readonly<Record<string, unknown>> = Object.freeze(Object.create(null));

/** Strings and finite numbers are ids; anything else is as good as none (case 38). `1e999` parses to Infinity. */
export function idOf(value: unknown): MessageId {
  return typeof value === "string" || (typeof value === "number" && Number.isFinite(value))
    ? value
    : undefined;
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
