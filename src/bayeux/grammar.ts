/**
 * Channel names and subscription patterns (Bayeux 2.1, 2.2; cases 1-19, 84-89).
 *
 * The alphabet is the one that every stock client can read back: Faye throws while expanding a name outside
 * it and loses the rest of the frame, so a looser server would break its own subscribers.
 */

/** How long a name may be. All legal characters are ASCII, so a byte is a character. */
export interface ChannelLimits {
  readonly channelBytes: number;
  readonly channelSegments: number;
}

export const CHANNEL_LIMITS: ChannelLimits = { channelBytes: 255, channelSegments: 16 };

const SLASH = 47;
const STAR = 42;

// Neither can backtrack: "/" is not in the character class. `$` without the m flag is the very end, so a
// trailing newline does not slip through (case 12).
const CHANNEL = /^(?:\/[A-Za-z0-9\-_!~()$@]+)+$/;
const PATTERN = /^(?:\/[A-Za-z0-9\-_!~()$@]+)*\/\*\*?$/;

/** A name that can be published to. */
export function isChannel(text: string, limits: ChannelLimits = CHANNEL_LIMITS): boolean {
  return fits(text, limits) && CHANNEL.test(text);
}

/** A name that ends in a `*` or `**` segment. */
export function isWildcard(text: string, limits: ChannelLimits = CHANNEL_LIMITS): boolean {
  return text.charCodeAt(text.length - 1) === STAR && fits(text, limits) && PATTERN.test(text);
}

/** A name that can be subscribed to: a channel or a wildcard. */
export function isPattern(text: string, limits: ChannelLimits = CHANNEL_LIMITS): boolean {
  return isChannel(text, limits) || isWildcard(text, limits);
}

/**
 * Every subscription that a message on this channel reaches, itself first. `/a/b` gives `/a/b`, `/a/*`,
 * `/**` and `/a/**`: `*` is exactly one more segment, `**` one or more (case 87).
 */
export function patternsOf(channel: string): string[] {
  const patterns = [channel, `${channel.slice(0, channel.lastIndexOf("/"))}/*`, "/**"];
  for (let at = channel.indexOf("/", 1); at !== -1; at = channel.indexOf("/", at + 1)) {
    patterns.push(`${channel.slice(0, at)}/**`);
  }
  return patterns;
}

/** Whether a message on `channel` reaches a subscription to `pattern`. Both must be valid names. */
export function matches(pattern: string, channel: string): boolean {
  if (pattern === channel) return true;
  if (pattern.charCodeAt(pattern.length - 1) !== STAR) return false;
  const deep = pattern.charCodeAt(pattern.length - 2) === STAR;
  // With its slash, so that "/ab/**" is not a prefix of "/a/b".
  const prefix = pattern.slice(0, pattern.length - (deep ? 2 : 1));
  if (!channel.startsWith(prefix)) return false;
  return deep || channel.indexOf("/", prefix.length) === -1;
}

/** `/meta` and everything below it: the protocol's own (Bayeux 2.2.1). */
export function isMeta(name: string): boolean {
  return isUnder(name, "/meta");
}

/** `/service` and everything below it: requests to the application, never broadcast (Bayeux 2.2.2). */
export function isService(name: string): boolean {
  return isUnder(name, "/service");
}

function isUnder(name: string, root: string): boolean {
  return name.startsWith(root) && (name.length === root.length || name.charCodeAt(root.length) === SLASH);
}

function fits(text: string, limits: ChannelLimits): boolean {
  if (text.length === 0 || text.length > limits.channelBytes) return false;
  let segments = 0;
  for (let at = text.indexOf("/"); at !== -1; at = text.indexOf("/", at + 1)) segments++;
  return segments <= limits.channelSegments;
}
