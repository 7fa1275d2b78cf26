import type { Policy } from "../policy.ts";

/** Parameters of {@linkcode keydiff}. */
export interface KeydiffOptions {
  /** Newest tokens that stay; 16 by default. */
  window?: number;
  /** Generated tokens between evictions; 128 by default. */
  interval?: number;
}

/**
 * KeyDiff: tokens whose keys differ most from the mean of the normalised keys;
 * it needs no queries (arXiv 2504.15364).
 */
export function keydiff(options: KeydiffOptions = {}): Policy {
  const { window = 16, interval = 128 } = options;
  return { name: "keydiff", score: "keydiff", window, interval };
}
