import type { Policy } from "../policy.ts";

/** Parameters of {@linkcode snapkv} and {@linkcode cake}. */
export interface SnapkvOptions {
  /** Newest tokens that stay and do the scoring; 16 by default. */
  window?: number;
  /** Generated tokens between evictions; 128 by default. */
  interval?: number;
  /** Width of the max-pooling; 5 by default. */
  pool?: number;
}

/** SnapKV: pooled attention of the newest queries (arXiv 2404.14469). */
export function snapkv(options: SnapkvOptions = {}): Policy {
  const { window = 16, interval = 128, pool = 5 } = options;
  return { name: "snapkv", score: "attention", window, interval, pool };
}
