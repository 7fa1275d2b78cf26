import type { ArrayTensor } from "./tensor.ts";

/** Reference of {@linkcode Kernels.argmax}. */
export function argmax(x: ArrayTensor, out: ArrayTensor, n: number): void {
  for (let i = 0; i < n; i++) {
    const row = x.row(i);
    let best = 0;
    for (let c = 1; c < row.length; c++) if (row[c] > row[best]) best = c;
    out.data[out.offset + i] = best;
  }
}
