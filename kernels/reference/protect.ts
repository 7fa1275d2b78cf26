import type { ArrayTensor } from "./tensor.ts";

/** Raises the first `n` scores of each head above all others. */
export function protect(scores: ArrayTensor, n: number): void {
  for (let h = 0; h < scores.shape[0]; h++) scores.row(h).fill(Infinity, 0, n);
}
