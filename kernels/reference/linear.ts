import { type ArrayTensor, dot } from "./tensor.ts";
import type { StoredWeight } from "./weight.ts";

/** Reference of {@linkcode Kernels.linear}. */
export function linear(
  x: ArrayTensor,
  weight: StoredWeight,
  out: ArrayTensor,
  n: number,
): void {
  const inputs = Array.from({ length: n }, (_, i) => x.row(i));
  const row = new Float64Array(weight.columns);
  for (let r = 0; r < weight.rows; r++) {
    weight.row(r, row);
    inputs.forEach((input, i) => {
      out.data[out.offset + i * out.stride + r] = dot(row, input);
    });
  }
}
