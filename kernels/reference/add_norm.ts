import { add } from "./add.ts";
import { rmsNorm } from "./rms_norm.ts";
import type { ArrayTensor } from "./tensor.ts";

/** Reference of {@linkcode Kernels.addNorm}. */
export function addNorm(
  x: ArrayTensor,
  y: ArrayTensor,
  weight: ArrayTensor,
  out: ArrayTensor,
  n: number,
  epsilon: number,
): void {
  add(x, y, n);
  rmsNorm(x, weight, out, n, epsilon);
}
