import type { CacheType } from "../tensors.ts";
import { queryFor, roundKey } from "./cache_types.ts";
import { type ArrayCache, type ArrayTensor, vectorAt } from "./tensor.ts";

/** Reference of {@linkcode Kernels.reposition}. */
export function reposition(
  { keys }: ArrayCache,
  order: ArrayTensor,
  kept: ArrayTensor,
  n: number,
  k: number,
  window: number,
  frequencies: ArrayTensor,
  pairing: "adjacent" | "halves",
): void {
  const type = keys.dtype as CacheType;
  for (let h = 0; h < keys.shape[0]; h++) {
    for (let to = 0; to < k + window; to++) {
      const from = to < k ? kept.row<Int32Array>(h)[to] : n - window + (to - k);
      if (from === to) continue;
      const key = vectorAt(keys, h, order.row<Int32Array>(h)[from]);
      // The type's turn is its own inverse.
      const plain = queryFor(type, key);
      turn(plain, frequencies.row(0), to - from, pairing);
      key.set(plain);
      roundKey(type, key);
    }
  }
}

/** Turns the channel pairs of a head by so many positions. */
function turn(
  x: Float64Array,
  frequencies: Float64Array,
  positions: number,
  pairing: "adjacent" | "halves",
): void {
  const half = x.length / 2;
  for (let pair = 0; pair < half; pair++) {
    const [a, b] = pairing === "adjacent"
      ? [2 * pair, 2 * pair + 1]
      : [pair, pair + half];
    const angle = positions * frequencies[pair];
    const [cos, sin] = [Math.cos(angle), Math.sin(angle)];
    [x[a], x[b]] = [x[a] * cos - x[b] * sin, x[a] * sin + x[b] * cos];
  }
}
