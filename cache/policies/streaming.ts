import type { Policy } from "../policy.ts";

/** Parameters of {@linkcode streaming}. */
export interface StreamingOptions {
  /** Oldest tokens kept; 4 by default. */
  sinks?: number;
  /** Generated tokens between evictions; 128 by default. */
  interval?: number;
}

/**
 * StreamingLLM: the first few tokens, which draw attention whatever they
 * say, and the newest ones (arXiv 2309.17453).
 */
export function streaming(options: StreamingOptions = {}): Policy {
  const { sinks = 4, interval = 128 } = options;
  return { name: "streaming", score: "recency", window: 1, interval, sinks };
}
