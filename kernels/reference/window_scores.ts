import type { HeadRule } from "../layer_cache.ts";
import type { CacheType } from "../tensors.ts";
import { queryFor } from "./cache_types.ts";
import { combineHeads } from "./tally.ts";
import { type ArrayCache, type ArrayTensor, dot, vectorAt } from "./tensor.ts";
import { softmaxRow } from "./softmax.ts";

/** Reference of {@linkcode Kernels.windowScores}. */
export function windowScores(
  queries: ArrayTensor,
  oldest: number,
  window: number,
  cache: ArrayCache,
  order: ArrayTensor,
  scores: ArrayTensor,
  n: number,
  shift: number,
  rule: HeadRule,
): void {
  const group = queries.shape[1] / cache.keys.shape[0];
  for (let h = 0; h < cache.keys.shape[0]; h++) {
    const keys = orderedKeys(cache, order, h, n);
    const heads = [h * group, (h + 1) * group] as const;
    const best = Array.from({ length: window }, (_, i) => {
      const query = queries.row((oldest + i) % queries.shape[0]);
      const visible = keys.slice(0, n - window + i + 1);
      const type = cache.keys.dtype as CacheType;
      return combineHeads(weights(query, heads, visible, type), rule);
    });
    for (let r = 0; r < n - window; r++) {
      const values = best.map((row) => row[r]);
      scores.row(h)[r] = mean(values) + shift * deviation(values);
    }
  }
}

/** Keys of head `h` from the lowest position to the highest. */
export function orderedKeys(
  cache: ArrayCache,
  order: ArrayTensor,
  h: number,
  n: number,
): Float64Array[] {
  const slots = order.row<Int32Array>(h).subarray(0, n);
  return Array.from(slots, (slot) => vectorAt(cache.keys, h, slot));
}

/** Attention that each of the query heads pays to each key. */
function weights(
  query: Float64Array,
  [first, end]: readonly [number, number],
  keys: Float64Array[],
  type: CacheType,
): Float64Array[] {
  const headDim = keys[0].length;
  return Array.from({ length: end - first }, (_, g) => {
    const start = (first + g) * headDim;
    const q = queryFor(type, query.subarray(start, start + headDim));
    const p = Float64Array.from(keys, (key) => dot(q, key));
    softmaxRow(p, Math.sqrt(headDim));
    return p;
  });
}

function mean(values: number[]): number {
  return values.reduce((a, b) => a + b, 0) / values.length;
}

/** Sample standard deviation; 0 for a single value. */
function deviation(values: number[]): number {
  if (values.length < 2) return 0;
  const centre = mean(values);
  const squares = values.map((value) => (value - centre) ** 2);
  return Math.sqrt(mean(squares) * values.length / (values.length - 1));
}
