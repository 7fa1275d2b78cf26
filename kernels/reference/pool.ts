import type { ArrayTensor } from "./tensor.ts";

/** Maximum over `width` (odd) neighbours centred on each of `n` scores. */
export function pool(
  scores: ArrayTensor,
  out: ArrayTensor,
  n: number,
  width: number,
): void {
  const reach = (width - 1) / 2;
  for (let h = 0; h < scores.shape[0]; h++) {
    const row = scores.row(h);
    for (let r = 0; r < n; r++) {
      const end = Math.min(n, r + reach + 1);
      const near = row.subarray(Math.max(0, r - reach), end);
      out.row(h)[r] = Math.max(...near);
    }
  }
}
