import type { CacheType } from "../tensors.ts";
import { roundKey, roundTo } from "./cache_types.ts";
import { refuseNonFinite } from "./finite.ts";
import { type ArrayCache, type ArrayTensor, vectorAt } from "./tensor.ts";

/** Reference of {@linkcode Kernels.append}. */
export function append(
  cache: ArrayCache,
  k: ArrayTensor,
  v: ArrayTensor,
  n: number,
  at: number,
  position: number,
  names: readonly [k: string, v: string],
): void {
  refuseNonFinite(k, n, names[0]);
  refuseNonFinite(v, n, names[1]);
  const [kvHeads, _, headDim] = cache.keys.shape;
  const type = cache.keys.dtype as CacheType;
  for (let h = 0; h < kvHeads; h++) {
    const [from, to] = [h * headDim, (h + 1) * headDim];
    for (let i = 0; i < n; i++) {
      const key = vectorAt(cache.keys, h, at + i);
      const value = vectorAt(cache.values, h, at + i);
      key.set(k.row(i).subarray(from, to));
      value.set(v.row(i).subarray(from, to));
      roundKey(type, key);
      roundTo(type, value);
      cache.positions.row(h)[at + i] = position + i;
    }
  }
}
