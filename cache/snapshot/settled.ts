import type { EvictionProgress } from "../evictor.ts";
import type { CacheHome, SettledOptions } from "../home.ts";
import type { Header } from "./header.ts";
import type { RestoreOptions } from "./options.ts";

/** What a snapshot says of a cache that was made with these options. */
export function headerOf(
  options: SettledOptions,
  { limits, layers }: CacheHome,
  progress: EvictionProgress,
): Header {
  const { queryHeads, kvHeads, headDim, dtype, policy, reposition } = options;
  return {
    shape: { layers: options.layers, queryHeads, kvHeads, headDim },
    dtype,
    policy,
    reposition,
    limits,
    ...progress,
    layers,
  };
}

/** Options of the cache that a snapshot is restored to. */
export function settledOf(
  { shape, policy, dtype, reposition, limits }: Header,
  { boundaryAt, record }: RestoreOptions,
): SettledOptions {
  return {
    ...shape,
    policy,
    dtype,
    reposition,
    budget: { tokens: limits.tokens },
    ...(boundaryAt && { boundaryAt }),
    ...(record && { record }),
  };
}
