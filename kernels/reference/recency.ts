import type { ArrayTensor } from "./tensor.ts";

/** Reference of {@linkcode Kernels.recency}. */
export function recency(scores: ArrayTensor, n: number): void {
  for (let h = 0; h < scores.shape[0]; h++) {
    for (let r = 0; r < n; r++) scores.row(h)[r] = r;
  }
}
