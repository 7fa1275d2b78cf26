import type { MergeRule } from "../../kernels/ops.ts";
import type { Policy } from "../policy.ts";

/** Parameters of {@linkcode gkv}. */
export interface GkvOptions {
  /** Newest tokens that stay and do the scoring (w); 16 by default. */
  window?: number;
  /** Generated tokens between evictions (s); 128 by default. */
  interval?: number;
  /** What is left of a score at the next eviction (α); 0.8 by default. */
  decay?: number;
  /** Share of the score against redundancy (λ); 0.9 by default. */
  mix?: number;
  /** How past and present scores become one; `"max"` by default. */
  merge?: MergeRule;
  /** What redundancy is measured by; `"cosine"` of all pairs by default. */
  redundancy?: "cosine" | "keydiff";
}

/**
 * The paper's is 0.5. Scores are relative to the largest, that of an attention
 * sink, so most are near 0, while redundancy relative to its largest is near 1:
 * at 0.5 it decides nearly alone. On SmolLM2 in a budget of 128 tokens (mean KL
 * divergence, `gkv eval`) 0.9 instead of 0.5 gave 0.044 instead of 0.058 over
 * prose and 0.063 instead of 0.092 over worked problems; 1, which is without
 * redundancy, 0.076 and 0.062.
 */
const MIX = 0.9;

/**
 * G-KV: the larger of the current attention and the decayed best of earlier
 * evictions, less the redundancy of the key (arXiv 2512.00504).
 *
 * @example
 * ```ts
 * import { gkv } from "@gkv/gkv";
 * import { assertEquals } from "@std/assert";
 *
 * assertEquals(gkv({ interval: 64 }).interval, 64);
 * ```
 */
export function gkv(options: GkvOptions = {}): Policy {
  const { window = 16, interval = 128, decay = 0.8, mix = MIX } = options;
  const { merge = "max", redundancy: by = "cosine" } = options;
  return {
    name: "gkv",
    score: "attention",
    window,
    interval,
    history: { merge, decay },
    redundancy: { mix, by },
  };
}
