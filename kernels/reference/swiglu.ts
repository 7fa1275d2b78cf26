import type { ArrayTensor } from "./tensor.ts";

/** Reference of {@linkcode Kernels.swiglu}. */
export function swiglu(gateUp: ArrayTensor, out: ArrayTensor, n: number): void {
  const width = out.width;
  for (let i = 0; i < n; i++) {
    const [row, to] = [gateUp.row(i), out.row(i)];
    for (let c = 0; c < width; c++) {
      to[c] = row[c] / (1 + Math.exp(-row[c])) * row[width + c];
    }
  }
}
