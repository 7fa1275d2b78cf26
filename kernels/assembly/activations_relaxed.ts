// @ts-nocheck AssemblyScript: compiled by asc, not by Deno.
// deno-lint-ignore-file no-unused-vars -- used once unrolled
//
// The inputs of a linear layer as integers, for relaxed SIMD: blocks of 32,
// each with a scale of its own. `relaxed_dot_i8x16_i7x16_add` multiplies signed
// bytes by bytes that must be 0 … 127 for all engines to agree. For q4 weights
// those are the nibbles. For q8 weights they are the magnitudes of the inputs,
// and the signs go to the weights: with `s` the sign of input `a` (0 or -1),
// `(w ^ s) · |a| = w · a - |a & s|`, so the sum starts at `Σ |a & s|`.
import { largest32, SCALE, scaleOf, START, SUM, sum16 } from "./quantise";
import { madd } from "./simd";

/** Where the signs are; the magnitudes come first. */
export const SIGNS: usize = 32;

/** 16 floats as signed bytes, `nearest(x · inverse)`. */
// #inline
function bytes16(x: usize, inverse: v128): v128 {
  const magic = f32x4.splat(12582912.0);
  // #for $i 0 4
  const v$i = i32x4.sub(madd(v128.load(x, $i * 16), inverse, magic), magic);
  // #end
  return i8x16.narrow_i16x8_s(
    i16x8.narrow_i32x4_s(v0, v1),
    i16x8.narrow_i32x4_s(v2, v3),
  );
}

/** Quantises a row of `columns` for q8 weights, to blocks `stride` apart. */
export function relaxedForQ8(
  x: usize,
  columns: i32,
  to: usize,
  stride: usize,
): void {
  const end = x + (<usize> columns << 2);
  for (; x < end; x += 128) {
    const largest = largest32(x);
    const inverse = f32x4.splat(scaleOf(127, largest));
    let below = 0;
    // #for $h 0 2
    const bytes$h = bytes16(x + $h * 64, inverse);
    const signs$h = i8x16.shr_s(bytes$h, 7);
    v128.store(to, i8x16.abs(bytes$h), $h * 16);
    v128.store(to, signs$h, SIGNS + $h * 16);
    below += sum16(v128.and(bytes$h, signs$h));
    // #end
    store<f32>(to, largest / 127, SCALE);
    store<i32>(to, -below, START);
    to += stride;
  }
}

/**
 * The same for q4 weights. The sum starts at -8 times that of the inputs: a
 * q4_0 nibble stands for itself minus 8.
 */
export function relaxedForQ4(
  x: usize,
  columns: i32,
  to: usize,
  stride: usize,
): void {
  const end = x + (<usize> columns << 2);
  for (; x < end; x += 128) {
    const largest = largest32(x);
    const inverse = f32x4.splat(scaleOf(127, largest));
    let sum = 0;
    // #for $h 0 2
    const bytes$h = bytes16(x + $h * 64, inverse);
    v128.store(to, bytes$h, $h * 16);
    sum += sum16(bytes$h);
    // #end
    const scale = largest / 127;
    store<f32>(to, scale, SCALE);
    store<i32>(to, -8 * sum, START);
    store<f32>(to, scale * <f32> sum, SUM);
    to += stride;
  }
}
