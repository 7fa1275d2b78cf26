import type { Policy } from "../policy.ts";

/** Parameters of {@linkcode sepllm}. */
export interface SepllmOptions {
  /** Newest tokens that stay, separators or not; 16 by default. */
  window?: number;
  /** Oldest tokens kept; 4 by default. */
  sinks?: number;
  /** Generated tokens between evictions; 128 by default. */
  interval?: number;
}

/**
 * SepLLM: separators, which sum up the segment before them, the first tokens
 * and the newest (arXiv 2412.12094).
 *
 * The paper masks attention and says nothing of a budget that separators fill.
 * Here they are kept before all other tokens, and newer before older ones of
 * either kind; a separator is a token of `.,;:!?`, or with a newline.
 */
export function sepllm(options: SepllmOptions = {}): Policy {
  const { window = 16, sinks = 4, interval = 128 } = options;
  return { name: "sepllm", score: "separators", window, interval, sinks };
}
