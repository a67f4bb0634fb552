import type { TopicBounds } from "./contract.ts";

export const DEFAULT_BOUNDS: TopicBounds = {
  maxMessages: 1_000,
  maxBytes: 8 * 1024 * 1024,
  maxAge: 300_000,
};
