// @ts-nocheck AssemblyScript: compiled by asc, not by Deno.
import { sum4 } from "./simd.ts";

/** 1 when `n` rows of `width` floats are free of NaN and infinity, else 0. */
export function finite(x: usize, xStride: usize, n: i32, width: i32): i32 {
  for (; n > 0; n--) {
    if (zeros(x, <usize> width << 2) != 0) return 0;
    x += xStride;
  }
  return 1;
}

/** Sum of `x · 0`: NaN unless all are finite. */
function zeros(x: usize, bytes: usize): f32 {
  const end = x + bytes, zero = f32x4.splat(0);
  let sum = zero;
  for (; x + 16 <= end; x += 16) {
    sum = f32x4.add(sum, f32x4.mul(v128.load(x), zero));
  }
  for (; x < end; x += 4) {
    sum = f32x4.add(sum, f32x4.mul(v128.load32_zero(x), zero));
  }
  return sum4(sum);
}
