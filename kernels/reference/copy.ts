import type { ArrayTensor } from "./tensor.ts";

/** Reference of {@linkcode Kernels.copy}. */
export function copy(
  source: ArrayTensor,
  from: number,
  target: ArrayTensor,
  to: number,
  n: number,
): void {
  for (let i = 0; i < n; i++) target.row(to + i).set(source.row(from + i));
}
