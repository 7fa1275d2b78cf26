import type { Policy } from "../policy.ts";

/** Parameters of {@linkcode random}. */
export interface RandomOptions {
  /** Newest tokens that stay; 16 by default. */
  window?: number;
  /** Generated tokens between evictions; 128 by default. */
  interval?: number;
  /** Of the scores, from 0 to 2^32 - 1; 0 by default. */
  seed?: number;
}

/**
 * Chance, uniform and per head: the baseline that every method must beat
 * (arXiv 2609.03430). The same seed evicts the same tokens.
 */
export function random(options: RandomOptions = {}): Policy {
  const { window = 16, interval = 128, seed = 0 } = options;
  return { name: "random", score: "random", window, interval, seed };
}
