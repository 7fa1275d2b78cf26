import type { ArrayTensor } from "./tensor.ts";

/** Reference of {@linkcode Kernels.add}. */
export function add(x: ArrayTensor, y: ArrayTensor, n: number): void {
  const broadcast = y.shape.length === 1;
  for (let i = 0; i < n; i++) {
    const [to, from] = [x.row(i), broadcast ? y.data : y.row(i)];
    for (let c = 0; c < to.length; c++) to[c] += from[c];
  }
}
