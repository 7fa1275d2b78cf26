import type { ArrayTensor } from "./tensor.ts";

/** Reference of {@linkcode Kernels.random}. */
export function random(scores: ArrayTensor, n: number, seed: number): void {
  for (let h = 0; h < scores.shape[0]; h++) {
    const start = hash(seed + h);
    for (let r = 0; r < n; r++) {
      scores.row(h)[r] = (hash(start + r) >>> 8) / 2 ** 24;
    }
  }
}

/**
 * A permutation of the 32-bit numbers that looks like chance: "lowbias32"
 * (https://nullprogram.com/blog/2018/07/31/).
 */
export function hash(x: number): number {
  x ^= x >>> 16;
  x = Math.imul(x, 0x7feb352d);
  x ^= x >>> 15;
  x = Math.imul(x, 0x846ca68b);
  return (x ^ x >>> 16) >>> 0;
}
