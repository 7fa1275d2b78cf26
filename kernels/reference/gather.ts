import type { ArrayTensor } from "./tensor.ts";

/** `out[r] = scores[kept[r]]` for `k` ranks of each head. */
export function gather(
  scores: ArrayTensor,
  kept: ArrayTensor,
  out: ArrayTensor,
  k: number,
): void {
  for (let h = 0; h < scores.shape[0]; h++) {
    const ranks = kept.row<Int32Array>(h).subarray(0, k);
    ranks.forEach((rank, r) => out.row(h)[r] = scores.row(h)[rank]);
  }
}
