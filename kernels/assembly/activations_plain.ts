// @ts-nocheck AssemblyScript: compiled by asc, not by Deno.
// deno-lint-ignore-file no-unused-vars -- used once unrolled
//
// The inputs of a linear layer as integers, without relaxed SIMD: blocks of 32
// as 16-bit numbers for `dot_i16x8`, which adds products of neighbours.
//
// For q4 weights they are multiplied by what the place of the nibble in its
// 16-bit word lacks to 256, so that nibbles are masked but not shifted. Words
// hold inputs 0 and 4 of 8 in the low byte, 1 and 5 in the high one (then 2, 6
// and 3, 7), so pairs are (0, 2), (4, 6), (1, 3), (5, 7), in this order.
import { integers4, largest32, SCALE, scaleOf, START, SUM } from "./quantise";

/** 8 floats as 16-bit numbers, `nearest(x · inverse)`. */
// #inline
function words8(x: usize, inverse: v128): v128 {
  const magic = f32x4.splat(12582912.0);
  // #for $i 0 2
  const scaled$i = f32x4.mul(v128.load(x, $i * 16), inverse);
  const v$i = i32x4.sub(f32x4.add(scaled$i, magic), magic);
  // #end
  return i16x8.narrow_i32x4_s(v0, v1);
}

/** Quantises a row of `columns` for q8 weights, to blocks `stride` apart. */
export function plainForQ8(
  x: usize,
  columns: i32,
  to: usize,
  stride: usize,
): void {
  const end = x + (<usize> columns << 2);
  for (; x < end; x += 128) {
    const largest = largest32(x);
    const inverse = f32x4.splat(scaleOf(127, largest));
    // #for $i 0 4
    v128.store(to, words8(x + $i * 32, inverse), $i * 16);
    // #end
    store<f32>(to, largest / 127, SCALE);
    to += stride;
  }
}

/** The same for q4 weights; the sum starts as in `relaxedForQ4`. */
export function plainForQ4(
  x: usize,
  columns: i32,
  to: usize,
  stride: usize,
): void {
  const factors = i16x8(256, 256, 16, 16, 1, 1, 256, 256);
  const ones = i16x8.splat(1);
  const end = x + (<usize> columns << 2);
  for (; x < end; x += 128) {
    const largest = largest32(x);
    const inverse = f32x4.splat(scaleOf(127, largest));
    let sums = i32x4.splat(0);
    // #for $i 0 4
    const words$i = words8(x + $i * 32, inverse);
    sums = i32x4.add(sums, i32x4.dot_i16x8_s(words$i, ones));
    const pairs$i = v128.shuffle<i16>(words$i, words$i, 0, 2, 4, 6, 1, 3, 5, 7);
    v128.store(to, i16x8.mul(pairs$i, factors), $i * 16);
    // #end
    const sum = integers4(sums), scale = largest / 127;
    store<f32>(to, scale / 256, SCALE);
    store<i32>(to, -8 * 256 * sum, START);
    store<f32>(to, scale * <f32> sum, SUM);
    to += stride;
  }
}
