import { type ArrayTensor, dot } from "./tensor.ts";

/** Reference of {@linkcode Kernels.rmsNorm}. */
export function rmsNorm(
  x: ArrayTensor,
  weight: ArrayTensor,
  out: ArrayTensor,
  n: number,
  epsilon: number,
): void {
  const width = weight.shape[0];
  for (let i = 0; i < n; i++) {
    for (let start = 0; start < x.width; start += width) {
      const from = x.row(i).subarray(start, start + width);
      const to = out.row(i).subarray(start, start + width);
      const scale = 1 / Math.sqrt(dot(from, from) / width + epsilon);
      from.forEach((value, c) => to[c] = value * scale * weight.data[c]);
    }
  }
}
