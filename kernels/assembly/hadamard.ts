// @ts-nocheck AssemblyScript: compiled by asc, not by Deno.

import { multiply } from "./multiply.ts";

/**
 * Turns a row of `width` bytes of floats in place by the matrix under
 * `CacheType`: in blocks of the largest power of two that divides its length.
 * Twice is not at all.
 */
export function hadamard(row: usize, width: usize): void {
  const block = width & -width, end = row + width;
  for (let at = row; at < end; at += 16) v128.store(at, turn4(v128.load(at)));
  for (let half: usize = 16; half < block; half <<= 1) {
    for (let at = row; at < end; at += half << 1) turnHalves(at, half);
  }
  multiply(row, width, <f32> 1 / sqrt<f32>(<f32> (block >> 2)));
}

/** Sums and differences of neighbours, then of pairs. */
// #inline
function turn4(x: v128): v128 {
  const a = v128.shuffle<f32>(x, x, 0, 0, 2, 2);
  const b = f32x4.mul(v128.shuffle<f32>(x, x, 1, 1, 3, 3), f32x4(1, -1, 1, -1));
  const y = f32x4.add(a, b);
  const c = v128.shuffle<f32>(y, y, 0, 1, 0, 1);
  const d = f32x4.mul(v128.shuffle<f32>(y, y, 2, 3, 2, 3), f32x4(1, 1, -1, -1));
  return f32x4.add(c, d);
}

/** Sums and differences of `half` bytes and those after them. */
// #inline
function turnHalves(first: usize, half: usize): void {
  for (let at = first; at < first + half; at += 16) {
    const a = v128.load(at), b = v128.load(at + half);
    v128.store(at, f32x4.add(a, b));
    v128.store(at + half, f32x4.sub(a, b));
  }
}
