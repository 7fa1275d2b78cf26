// @ts-nocheck AssemblyScript: compiled by asc, not by Deno.
//
// The inputs of a linear layer as integers, for relaxed SIMD: halves of 7 bits,
// since `relaxed_dot_i8x16_i7x16_add` multiplies signed bytes by bytes that must
// be 0 … 127 for all engines to agree. For q4 weights those are the nibbles,
// and `a = 128 · high + low` with a signed high half. For q8 weights they are
// the halves of the inputs' magnitudes, and the signs go to the weights: with
// `s` the sign of input `a` (0 or -1), `(w ^ s) · |a| = w · a - |a & s|`, so the
// sum starts at `Σ |a & s|`.
import {
  BLOCK,
  inverseScale,
  LARGEST,
  largest32,
  SCALE,
  START,
  SUM,
  sum8,
  words8,
} from "./quantise.ts";

/** Where the low halves and the signs are; the high halves come first. */
export const LOW: usize = 32;
export const SIGNS: usize = 64;

/** Quantises a row of `columns` for q8 weights. */
export function relaxedForQ8(x: usize, columns: i32, to: usize): void {
  const end = x + (<usize> columns << 2);
  for (; x < end; x += 128) {
    const largest = largest32(x);
    const inverse = f32x4.splat(inverseScale(largest));
    let below = 0;
    // #for $h 0 2
    const a$h = words8(x + $h * 64, inverse);
    const b$h = words8(x + $h * 64 + 32, inverse);
    const asigns$h = i16x8.shr_s(a$h, 15), bsigns$h = i16x8.shr_s(b$h, 15);
    storeHalves(to + $h * 16, i16x8.abs(a$h), i16x8.abs(b$h));
    v128.store(to, i8x16.narrow_i16x8_s(asigns$h, bsigns$h), SIGNS + $h * 16);
    below += sum8(v128.and(a$h, asigns$h)) + sum8(v128.and(b$h, bsigns$h));
    // #end
    store<f32>(to, largest / LARGEST, SCALE);
    store<i32>(to, -below, START);
    to += BLOCK;
  }
}

/**
 * The same for q4 weights. The sum starts at -8 times that of the inputs: a
 * q4_0 nibble stands for itself minus 8.
 */
export function relaxedForQ4(x: usize, columns: i32, to: usize): void {
  const end = x + (<usize> columns << 2);
  for (; x < end; x += 128) {
    const largest = largest32(x);
    const inverse = f32x4.splat(inverseScale(largest));
    let sum = 0;
    // #for $h 0 2
    const a$h = words8(x + $h * 64, inverse);
    const b$h = words8(x + $h * 64 + 32, inverse);
    storeHalves(to + $h * 16, a$h, b$h);
    sum += sum8(a$h) + sum8(b$h);
    // #end
    const scale = largest / LARGEST;
    store<f32>(to, scale, SCALE);
    store<i32>(to, -8 * sum, START);
    store<f32>(to, scale * <f32> sum, SUM);
    to += BLOCK;
  }
}

/** Splits 16 integers into their high halves, signed, and low halves. */
// #inline
function storeHalves(to: usize, a: v128, b: v128): void {
  const mask = i16x8.splat(127);
  const alow = v128.and(a, mask), ahigh = i16x8.shr_s(a, 7);
  const blow = v128.and(b, mask), bhigh = i16x8.shr_s(b, 7);
  v128.store(to, i8x16.narrow_i16x8_s(ahigh, bhigh));
  v128.store(to, i8x16.narrow_i16x8_s(alow, blow), LOW);
}
