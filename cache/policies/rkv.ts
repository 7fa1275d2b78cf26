import type { Policy } from "../policy.ts";

/** Parameters of {@linkcode rkv}. */
export interface RkvOptions {
  /** Newest tokens that stay and do the scoring; 16 by default. */
  window?: number;
  /** Generated tokens between evictions; 128 by default. */
  interval?: number;
  /** Width of the max-pooling; 5 by default. */
  pool?: number;
  /** Share of the score against redundancy; 0.1 by default. */
  mix?: number;
  /** What redundancy is measured by; `"cosine"` of all pairs by default. */
  redundancy?: "cosine" | "keydiff";
}

/** R-KV: pooled attention less the redundancy of the key (arXiv 2505.24133). */
export function rkv(options: RkvOptions = {}): Policy {
  const { window = 16, interval = 128, pool = 5, mix = 0.1 } = options;
  const { redundancy: by = "cosine" } = options;
  return {
    name: "rkv",
    score: "attention",
    window,
    interval,
    pool,
    redundancy: { mix, by },
  };
}
