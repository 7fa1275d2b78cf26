import type { ArrayTensor } from "./tensor.ts";

/** Reference of {@linkcode Kernels.protect}. */
export function protect(scores: ArrayTensor, n: number): void {
  for (let h = 0; h < scores.shape[0]; h++) scores.row(h).fill(Infinity, 0, n);
}
