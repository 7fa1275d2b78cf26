import type { Policy } from "../policy.ts";

/** Parameters of {@linkcode h2oDecayed}. */
export interface H2oDecayedOptions {
  /** Newest tokens that stay and do the scoring; 1 by default. */
  window?: number;
  /** Generated tokens between evictions; 128 by default. */
  interval?: number;
  /** What is left of the sum at the next eviction; 0.8 by default. */
  decay?: number;
}

/**
 * The variant of H2O (arXiv 2306.14048) in G-KV's comparison: a decayed sum of
 * the attention seen at evictions, not that of every step.
 */
export function h2oDecayed(options: H2oDecayedOptions = {}): Policy {
  const { window = 1, interval = 128, decay = 0.8 } = options;
  return {
    name: "h2oDecayed",
    score: "attention",
    window,
    interval,
    history: { merge: "sum", decay },
  };
}
