import { type ArrayTensor, dot } from "./tensor.ts";
import type { StoredWeight } from "./weight.ts";

/** Reference of {@linkcode Kernels.linear}. */
export function linear(
  x: ArrayTensor,
  weight: StoredWeight,
  out: ArrayTensor,
  n: number,
): void {
  const row = new Float64Array(weight.columns);
  for (let r = 0; r < weight.rows; r++) {
    weight.row(r, row);
    for (let i = 0; i < n; i++) out.row(i)[r] = dot(row, x.row(i));
  }
}
