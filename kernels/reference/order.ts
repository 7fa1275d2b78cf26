import type { ArrayCache, ArrayTensor } from "./tensor.ts";

/** Reference of {@linkcode Kernels.order}. */
export function order(cache: ArrayCache, out: ArrayTensor, n: number): void {
  for (let h = 0; h < out.shape[0]; h++) {
    const positions = cache.positions.row<Int32Array>(h);
    const slots = Array.from({ length: n }, (_, slot) => slot);
    slots.sort((a, b) => positions[a] - positions[b]);
    out.row<Int32Array>(h).set(slots);
  }
}
