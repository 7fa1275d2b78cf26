import type { HeadRule } from "../layer_cache.ts";
import type { ArrayTally, ArrayTensor } from "./tensor.ts";

/** Slots `from … to` of all heads begin at 0. */
export function clearTally(
  { sums, squares }: ArrayTally,
  from: number,
  to: number,
): void {
  for (let h = 0; h < sums.shape[0]; h++) {
    sums.row(h).fill(0, from, to);
    squares?.row(h).fill(0, from, to);
  }
}

/** One weight for each token, of those that query heads have for it. */
export function combineHeads(
  heads: readonly Float64Array[],
  rule: HeadRule,
): Float64Array {
  return heads[0].map((_, s) => {
    const weights = heads.map((weight) => weight[s]);
    if (rule === "max") return Math.max(...weights);
    return weights.reduce((a, b) => a + b, 0) / heads.length;
  });
}

/** Adds the weights of a query that `before` others came before. */
export function addToTally(
  { sums, squares }: ArrayTally,
  h: number,
  weights: Float64Array,
  before: number,
): void {
  const [sum, square] = [sums.row(h), squares?.row(h)];
  weights.forEach((weight, s) => {
    const old = before > 0 ? sum[s] / before : weight;
    sum[s] += weight;
    if (square) square[s] += (weight - old) * (weight - sum[s] / (before + 1));
  });
}

/** Reference of {@linkcode Kernels.tallyScores}. */
export function tallyScores(
  sums: ArrayTensor,
  squares: ArrayTensor | undefined,
  order: ArrayTensor,
  scores: ArrayTensor,
  n: number,
  count: number,
  shift: number,
): void {
  for (let h = 0; h < sums.shape[0]; h++) {
    const slots = order.row<Int32Array>(h);
    for (let r = 0; r < n; r++) {
      const square = squares && count > 1
        ? squares.row(h)[slots[r]] / (count - 1)
        : 0;
      scores.row(h)[r] = sums.row(h)[slots[r]] / count +
        shift * Math.sqrt(square);
    }
  }
}
