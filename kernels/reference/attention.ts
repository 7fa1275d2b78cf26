import type { CacheType } from "../tensors.ts";
import { queryFor } from "./cache_types.ts";
import { refuseNonFinite } from "./finite.ts";
import { softmaxRow } from "./softmax.ts";
import { addToTally, clearTally, combineHeads } from "./tally.ts";
import {
  type ArrayCache,
  type ArrayTally,
  type ArrayTensor,
  dot,
  vectorAt,
} from "./tensor.ts";

/** Reference of {@linkcode Kernels.attention}. */
export function attention(
  q: ArrayTensor,
  cache: ArrayCache,
  out: ArrayTensor,
  n: number,
  cached: number,
  name: string,
  tally?: ArrayTally,
  tallied = 0,
): void {
  refuseNonFinite(q, n, name);
  if (tally) clearTally(tally, tallied > 0 ? cached - n : 0, cached);
  const group = q.shape[1] / cache.keys.shape[0];
  for (let i = 0; i < n; i++) {
    for (let h = 0; h < cache.keys.shape[0]; h++) {
      const heads = Array.from({ length: group }, (_, g) => {
        const visible = cached - n + i + 1;
        return attendHead(q, cache, out, i, h * group + g, h, visible);
      });
      if (!tally) continue;
      addToTally(tally, h, combineHeads(heads, tally.heads), tallied + i);
    }
  }
}

/** Attention of one head of one query, and its weights. */
function attendHead(
  q: ArrayTensor,
  { keys, values }: ArrayCache,
  out: ArrayTensor,
  i: number,
  head: number,
  kvHead: number,
  visible: number,
): Float64Array {
  const headDim = q.shape[2];
  const [from, to] = [head * headDim, (head + 1) * headDim];
  const type = keys.dtype as CacheType;
  const query = queryFor(type, q.row(i).subarray(from, to));
  const result = out.row(i).subarray(from, to);
  const p = new Float64Array(visible);
  for (let s = 0; s < visible; s++) {
    p[s] = dot(query, vectorAt(keys, kvHead, s));
  }
  softmaxRow(p, Math.sqrt(headDim));
  result.fill(0);
  for (let s = 0; s < visible; s++) {
    vectorAt(values, kvHead, s).forEach((value, c) =>
      result[c] += p[s] * value
    );
  }
  return p;
}
