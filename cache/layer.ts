import type { Allocations } from "../kernels/allocations.ts";
import type { Backend, LayerCache, Tensor } from "../kernels/ops.ts";

/** Sizes of a cache; every one is a count. */
export interface CacheShape {
  layers: number;
  queryHeads: number;
  kvHeads: number;
  /** Channels of a head, a multiple of 4. */
  headDim: number;
}

/** What one layer of a cache holds, and how far it is. */
export interface Layer extends LayerCache {
  /** What errors call its inputs; made once, as appending is per token. */
  readonly names: {
    readonly q: readonly string[];
    readonly kv: readonly string[];
  };
  /** Last queries, a ring `[window, queryHeads, headDim]`, if they score. */
  readonly queries: Tensor | undefined;
  /** Scores of the previous eviction by rank, `[kvHeads, slots]`, if kept. */
  readonly history: Tensor | undefined;
  /** Slots in use. */
  cached: number;
  /** Tokens appended so far: the position of the next one. */
  seen: number;
  /** Tokens appended since the last attention. */
  pending: number;
  /** Tokens generated since the last prompt or the last eviction's due time. */
  generated: number;
  /** Oldest tokens that have a score in `history`. */
  remembered: number;
  /** Entry of `queries` to be written next, which is the oldest. */
  oldest: number;
}

/** The counters of a layer. */
type Progress = Pick<
  Layer,
  "cached" | "seen" | "pending" | "generated" | "remembered" | "oldest"
>;

/** Counters of a layer that has seen nothing. */
export const emptyLayer: Readonly<Progress> = {
  cached: 0,
  seen: 0,
  pending: 0,
  generated: 0,
  remembered: 0,
  oldest: 0,
};

/** Allocates layer `index` with `slots` slots per head. */
export function allocateLayer(
  memory: Allocations,
  index: number,
  { queryHeads, kvHeads, headDim }: CacheShape,
  slots: number,
  keep: { queries: number; history: boolean },
): Layer {
  const [q, k, v] = ["q", "k", "v"].map((name) => `${name} of layer ${index}`);
  return {
    names: { q: [q], kv: [k, v] },
    keys: memory.tensor([kvHeads, slots, headDim]),
    values: memory.tensor([kvHeads, slots, headDim]),
    positions: memory.tensor([kvHeads, slots], "i32"),
    history: keep.history ? memory.tensor([kvHeads, slots]) : undefined,
    queries: keep.queries
      ? memory.tensor([keep.queries, queryHeads, headDim])
      : undefined,
    ...emptyLayer,
  };
}

/** Bytes of one slot of one layer: keys, values, position and score. */
export function slotBytes(shape: CacheShape, history: boolean): number {
  const words = 2 * shape.headDim + 1 + (history ? 1 : 0);
  return shape.kvHeads * words * Float32Array.BYTES_PER_ELEMENT;
}

/** Keeps the last queries of `q`, `n` entries, in the layer's ring. */
export function rememberQueries(
  backend: Backend,
  layer: Layer,
  q: Tensor,
  n: number,
): void {
  const { queries } = layer;
  if (!queries) return;
  const window = queries.shape[0];
  for (let done = Math.max(0, n - window); done < n;) {
    const run = Math.min(n - done, window - layer.oldest);
    backend.copy(q, done, queries, layer.oldest, run);
    layer.oldest = (layer.oldest + run) % window;
    done += run;
  }
}
