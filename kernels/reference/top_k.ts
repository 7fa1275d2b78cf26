import type { ArrayTensor } from "./tensor.ts";

/**
 * The `k` ranks with the largest of `n` scores, ascending; ties go to the
 * lower rank.
 */
export function topK(
  scores: ArrayTensor,
  kept: ArrayTensor,
  n: number,
  k: number,
): void {
  for (let h = 0; h < scores.shape[0]; h++) {
    const row = scores.row(h);
    const ranks = Array.from({ length: n }, (_, r) => r);
    // Subtracting would make NaN of two protected scores.
    ranks.sort((a, b) => row[a] === row[b] ? a - b : row[a] > row[b] ? -1 : 1);
    kept.row<Int32Array>(h).set(ranks.slice(0, k).sort((a, b) => a - b));
  }
}
