// @ts-nocheck AssemblyScript: compiled by asc, not by Deno.
import { maximum } from "./maximum.ts";
import { multiply } from "./multiply.ts";
import { exp4, sum4 } from "./simd.ts";

/**
 * Softmax of `x · scale` over each of `n` rows, in place. Entries of -Infinity
 * become 0; one entry of a row must be finite.
 */
export function softmax(
  x: usize,
  xStride: usize,
  n: i32,
  width: i32,
  scale: f32,
): void {
  const bytes = <usize> width << 2;
  for (; n > 0; n--) {
    const sum = exponentials(x, bytes, maximum(x, bytes), scale);
    multiply(x, bytes, 1 / sum);
    x += xStride;
  }
}

/** `x = e^((x - largest) · scale)`; gives the sum. */
function exponentials(x: usize, bytes: usize, largest: f32, scale: f32): f32 {
  const shift = f32x4.splat(largest), factor = f32x4.splat(scale);
  const end = x + bytes;
  let sum = f32x4.splat(0);
  for (; x + 16 <= end; x += 16) {
    const value = exponential(v128.load(x), shift, factor);
    v128.store(x, value);
    sum = f32x4.add(sum, value);
  }
  let rest: f32 = 0;
  for (; x < end; x += 4) {
    const value = exponential(v128.load32_zero(x), shift, factor);
    v128.store32_lane(x, value, 0);
    rest += f32x4.extract_lane(value, 0);
  }
  return rest + sum4(sum);
}

/** Zero where `exp4` would clamp. */
// #inline
function exponential(x: v128, shift: v128, factor: v128): v128 {
  const exponent = f32x4.mul(f32x4.sub(x, shift), factor);
  return v128.and(exp4(exponent), f32x4.gt(exponent, f32x4.splat(-87)));
}
