import type { ArrayTensor } from "./tensor.ts";

/** Reference of {@linkcode Kernels.softmax}. */
export function softmax(x: ArrayTensor, n: number, temperature: number): void {
  for (let i = 0; i < n; i++) softmaxRow(x.row(i), temperature);
}

/** Softmax of `x / temperature`, in place. */
export function softmaxRow(x: Float64Array, temperature: number): void {
  const most = x.reduce((a, b) => Math.max(a, b), -Infinity);
  let sum = 0;
  for (let i = 0; i < x.length; i++) {
    sum += x[i] = Math.exp((x[i] - most) / temperature);
  }
  for (let i = 0; i < x.length; i++) x[i] /= sum;
}
