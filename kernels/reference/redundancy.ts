import { type ArrayCache, type ArrayTensor, dot } from "./tensor.ts";
import { orderedKeys } from "./window_scores.ts";

/** Keys closer than this cosine count as near-duplicates. */
const threshold = 0.5;

/** Reference of {@linkcode Kernels.redundancy}. */
export function redundancy(
  cache: ArrayCache,
  order: ArrayTensor,
  similarities: ArrayTensor,
  n: number,
): void {
  for (let h = 0; h < cache.keys.shape[0]; h++) {
    const units = orderedKeys(cache, order, h, n).map(unit);
    const cosines = units.map((a, i) =>
      Float64Array.from(units, (b, j) => i === j ? 0 : dot(a, b))
    );
    for (let column = 0; column < n; column++) spareLast(cosines, column);
    const means = cosines.map((row) => row.reduce((a, b) => a + b, 0) / n);
    similarities.row(h).set(means);
  }
}

/** A key divided by its length, give or take 1e-6. */
export function unit(key: Float64Array): Float64Array {
  const norm = Math.sqrt(dot(key, key)) + 1e-6;
  return key.map((value) => value / norm);
}

/** Of a group of near-duplicates, the newest is not counted as one. */
function spareLast(cosines: Float64Array[], column: number): void {
  const last = cosines.findLastIndex((row) => row[column] > threshold);
  if (last >= 0) cosines[last][column] = 0;
}
