import type { CacheHome, SettledOptions } from "./home.ts";
import type { CacheStats } from "./options.ts";
import { queriesKept } from "./rollback.ts";

/** What a cache uses, in tokens and bytes. */
export function statsOf(
  { layers, limits, eviction, slotBytes }: CacheHome,
  { policy, queryHeads, headDim }: SettledOptions,
  evictions: number,
): CacheStats {
  const { seen, cached } = layers.at(-1)!;
  const queries = layers.length * queriesKept(policy);
  const queryBytes = queries * queryHeads * headDim *
    Float32Array.BYTES_PER_ELEMENT;
  return {
    seen,
    cached,
    budgetTokens: limits.tokens,
    bytes: layers.reduce((sum, layer) => sum + layer.cached, 0) * slotBytes /
      layers.length,
    budgetBytes: limits.slots * slotBytes,
    scratchBytes: queryBytes + eviction.scratchBytes + eviction.ownBytes,
    evictions,
  };
}
