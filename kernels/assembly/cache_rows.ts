// @ts-nocheck AssemblyScript: compiled by asc, not by Deno.
//
// Keys and values as a cache holds them. Its type is told by the bytes of an
// element: 4 for f32, 2 for f16, 1 for int8, whose vectors have a scale each.
import { max4 } from "./simd.ts";
import { widenRow } from "./widen_row.ts";

/** Makes floats of `count` vectors that follow one another, `width` bytes of each. */
export function readRows(
  size: i32,
  rows: usize,
  scales: usize,
  width: usize,
  count: i32,
  to: usize,
): void {
  for (; count > 0; count--) {
    widenRow(size, rows, scales, to, width);
    rows += (width >> 2) * size;
    scales += 4;
    to += width;
  }
}

/** Writes a vector: `width` bytes of floats at `x`, rounded to the type. */
export function writeRow(
  size: i32,
  x: usize,
  width: usize,
  row: usize,
  scale: usize,
): void {
  if (size == 4) memory.copy(row, x, width);
  else if (size == 2) writeHalves(x, width, row);
  else store<f32>(scale, writeIntegers(x, width, row));
}

/** Rounds to float16: the nearest, even on ties, 65,504 at most either way. */
function writeHalves(x: usize, width: usize, row: usize): void {
  for (const end = x + width; x < end; x += 16, row += 8) {
    const halves = halves4(v128.load(x));
    v128.store64_lane(row, i16x8.narrow_i32x4_s(halves, halves), 0);
  }
}

/** Bits of four float16, with the sign extended. */
// #inline
function halves4(x: v128): v128 {
  const size = f32x4.pmin(f32x4.splat(65504), f32x4.abs(x));
  // Below 2^-14 units are those of a float32 from 0.5 on.
  const half = f32x4.splat(0.5);
  const small = i32x4.sub(f32x4.add(size, half), half);
  const odd = v128.and(i32x4.shr_u(size, 13), i32x4.splat(1));
  const up = i32x4.add(size, i32x4.add(odd, i32x4.splat(0xfff)));
  const large = i32x4.sub(i32x4.shr_u(up, 13), i32x4.splat(112 << 10));
  const isSmall = f32x4.lt(size, f32x4.splat(reinterpret<f32>(0x38800000)));
  const sign = v128.and(i32x4.shr_s(x, 16), i32x4.splat(-0x8000));
  return v128.or(v128.bitselect(small, large, isSmall), sign);
}

/** Rounds to integers of 8 bits, even on ties, and gives their scale. */
function writeIntegers(x: usize, width: usize, row: usize): f32 {
  const scale = largestSize(x, width) / 127;
  if (scale == 0) {
    memory.fill(row, 0, width >> 2);
    return 0;
  }
  const divisor = f32x4.splat(scale);
  for (const end = x + width; x < end; x += 16, row += 4) {
    const ratio = f32x4.div(v128.load(x), divisor);
    const words = i32x4.trunc_sat_f32x4_s(f32x4.nearest(ratio));
    const halves = i16x8.narrow_i32x4_s(words, words);
    v128.store32_lane(row, i8x16.narrow_i16x8_s(halves, halves), 0);
  }
  return scale;
}

/** Largest magnitude of a vector. */
export function largestSize(x: usize, width: usize): f32 {
  let most = f32x4.splat(0);
  for (const end = x + width; x < end; x += 16) {
    most = f32x4.pmax(most, f32x4.abs(v128.load(x)));
  }
  return max4(most);
}
