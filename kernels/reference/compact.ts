import { type ArrayCache, type ArrayTensor, vectorAt } from "./tensor.ts";

/** Reference of {@linkcode Kernels.compact}: keeps the order of positions. */
export function compact(
  cache: ArrayCache,
  order: ArrayTensor,
  kept: ArrayTensor,
  n: number,
  k: number,
  window: number,
): void {
  for (let h = 0; h < cache.keys.shape[0]; h++) {
    const newest = Array.from({ length: window }, (_, i) => n - window + i);
    const ranks = [...kept.row<Int32Array>(h).subarray(0, k), ...newest];
    const slots = ranks.map((rank) => order.row<Int32Array>(h)[rank]);
    const positions = cache.positions.row<Int32Array>(h);
    positions.set(slots.map((slot) => positions[slot]));
    const sums = cache.sums?.row(h);
    sums?.set(slots.map((slot) => sums[slot]));
    for (const tensor of [cache.keys, cache.values]) {
      const rows = slots.map((slot) => vectorAt(tensor, h, slot).slice());
      rows.forEach((row, slot) => vectorAt(tensor, h, slot).set(row));
    }
  }
}
