import { unit } from "./redundancy.ts";
import { type ArrayCache, type ArrayTensor, dot } from "./tensor.ts";
import { orderedKeys } from "./window_scores.ts";

/** Reference of {@linkcode Kernels.keydiff}. */
export function keydiff(
  cache: ArrayCache,
  order: ArrayTensor,
  out: ArrayTensor,
  n: number,
  factor: number,
): void {
  for (let h = 0; h < cache.keys.shape[0]; h++) {
    const units = orderedKeys(cache, order, h, n).map(unit);
    const mean = unit(
      units[0].map((_, c) => units.reduce((sum, key) => sum + key[c], 0) / n),
    );
    out.row(h).set(units.map((key) => factor * dot(key, mean)));
  }
}
