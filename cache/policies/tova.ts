import type { Policy } from "../policy.ts";

/** Parameters of {@linkcode tova}. */
export interface TovaOptions {
  /** Generated tokens between evictions; 128 by default. */
  interval?: number;
}

/**
 * TOVA: attention of the newest query alone, the mean of its heads
 * (arXiv 2401.06104; heads that share keys choose for themselves, as here, in
 * its variant per head).
 */
export function tova(options: TovaOptions = {}): Policy {
  const { interval = 128 } = options;
  return {
    name: "tova",
    score: "attention",
    heads: "mean",
    window: 1,
    interval,
  };
}
