import type { Policy } from "../policy.ts";

/** Parameters of {@linkcode h2o}. */
export interface H2oOptions {
  /** Newest tokens that stay; 16 by default. */
  window?: number;
  /** Generated tokens between evictions; 128 by default. */
  interval?: number;
}

/**
 * H2O: the heavy hitters, tokens that got most attention of all queries since
 * they came, prompt and answer (arXiv 2306.14048).
 */
export function h2o(options: H2oOptions = {}): Policy {
  const { window = 16, interval = 128 } = options;
  return { name: "h2o", score: "total", heads: "mean", window, interval };
}
