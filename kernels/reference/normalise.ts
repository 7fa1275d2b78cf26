import type { ArrayTensor } from "./tensor.ts";

/** Smallest normal float32: scores that are all zero stay zero. */
const LEAST = 2 ** -126;

/** Divides the first `n` scores of each head by their maximum, if not 0. */
export function normalise(scores: ArrayTensor, n: number): void {
  for (let h = 0; h < scores.shape[0]; h++) {
    const row = scores.row(h).subarray(0, n);
    const most = row.reduce((a, b) => Math.max(a, b), LEAST);
    row.forEach((value, r) => row[r] = value / most);
  }
}
