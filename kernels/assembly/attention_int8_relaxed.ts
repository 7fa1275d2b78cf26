// @ts-nocheck AssemblyScript: compiled by asc, not by Deno.
// deno-lint-ignore-file no-unused-vars no-redeclare verbatim-module-syntax -- used once unrolled
//
// Products of strips with rows of 14 bits, for relaxed SIMD: two halves of 7
// bits, since `relaxed_dot_i8x16_i7x16_add` multiplies signed bytes by bytes
// that must be 0 … 127 for all engines to agree. Queries are shifted by 8192,
// to be without a sign; sums start at what makes up for it.
// Functions that end in 0 are of keys, those in 1 of values.
import {
  finish_0,
  finish_1,
  scale_0,
  scale_1,
  SCALES_0,
  SCALES_1,
  start_0,
  start_1,
} from "./attention_int8_finish.ts";

/** Bytes of a row's weights of a block: the high halves, then the low ones. */
export const RELAXED_WEIGHTS: usize = 128;
/** Bytes from the high half of a weight to the low one. */
export const LOW_WEIGHTS: usize = 64;
/** Bytes of a query that go together, in a group of rows. */
export const RELAXED_QUERY: usize = 4;

/** Bytes from the same part of one row to that of the next. */
const ROW_0: usize = RELAXED_QUERY, ROW_1: usize = RELAXED_WEIGHTS;

/** Stores 16 integers of a query, four at each step, low halves `low` bytes on. */
export function relaxedQuery(
  to: usize,
  step: usize,
  low: usize,
  a: v128,
  b: v128,
): void {
  const shift = i16x8.splat(8192);
  const highs = highHalves(i16x8.add(a, shift), i16x8.add(b, shift));
  const lows = lowHalves(a, b);
  // #for $i 0 4
  v128.store32_lane(to + step * $i, highs, $i);
  v128.store32_lane(to + low + step * $i, lows, $i);
  // #end
}

/** Stores 16 weights, the `at`-th and those after, of a row. */
// #inline
export function relaxedWeights(row: usize, at: usize, a: v128, b: v128): void {
  v128.store(row + at, highHalves(a, b));
  v128.store(row + at, lowHalves(a, b), LOW_WEIGHTS);
}

// #inline
function highHalves(a: v128, b: v128): v128 {
  return i8x16.narrow_i16x8_u(i16x8.shr_u(a, 7), i16x8.shr_u(b, 7));
}

// #inline
function lowHalves(a: v128, b: v128): v128 {
  const mask = i16x8.splat(127);
  return i8x16.narrow_i16x8_u(v128.and(a, mask), v128.and(b, mask));
}

// #for $m 0 2
/**
 * Products of `height` rows with strips.
 *
 * @param a Where the rows' upper halves start; the others are `low` bytes after.
 * @param groups Runs of four that take part, of `strip / 32`.
 * @param strip Bytes from one strip to the next.
 * @param starts Where sums start (keys).
 * @param units What a row's unit is worth, an f32 each.
 * @param scales Those of the lanes (keys) or rows (values).
 * @param out Results of the first row; those of the next are `step` bytes after.
 */
export function relaxedStrips_$m(
  height: i32,
  a: usize,
  low: usize,
  strips: usize,
  strip: usize,
  groups: i32,
  count: i32,
  starts: usize,
  units: usize,
  scales: usize,
  out: usize,
  step: usize,
): void {
  const size = <usize> groups << 5;
  for (; count > 0; count--) {
    // #for $r 1 7
    if (height == $r) {
      strip_$m_$r(a, low, strips, size, starts, units, scales, out, step);
    }
    // #end
    strips += strip;
    starts += 32;
    scales += SCALES_$m;
    out += 32;
  }
}

// #for $r 1 4
/** One strip and up to three rows, both halves of them at once. */
function strip_$m_$r(
  a: usize,
  low: usize,
  b: usize,
  size: usize,
  starts: usize,
  units: usize,
  scales: usize,
  out: usize,
  step: usize,
): void {
  const start0 = start_$m(starts), start1 = start_$m(starts + 16);
  // #for $j 0 $r
  let c$j = start0, d$j = start1, e$j = i32x4.splat(0), f$j = e$j;
  // #end
  for (const end = b + size; b < end; b += 32) {
    const x = v128.load(b), y = v128.load(b, 16);
    // #for $j 0 $r
    const high$j = v128.load32_splat(a, $j * ROW_$m);
    c$j = dot(x, high$j, c$j);
    d$j = dot(y, high$j, d$j);
    const low$j = v128.load32_splat(a + low, $j * ROW_$m);
    e$j = dot(x, low$j, e$j);
    f$j = dot(y, low$j, f$j);
    // #end
    a += $m == 0 ? $r * RELAXED_QUERY : 4;
  }
  // #for $j 0 $r
  const unit$j = v128.load32_splat(units, $j * 4), to$j = out + step * $j;
  const sum$j_0 = i32x4.add(i32x4.shl(c$j, 7), e$j);
  const sum$j_1 = i32x4.add(i32x4.shl(d$j, 7), f$j);
  finish_$m(to$j, sum$j_0, unit$j, scale_$m(scales, $j * 4, 0));
  finish_$m(to$j + 16, sum$j_1, unit$j, scale_$m(scales, $j * 4, 16));
  // #end
}
// #end

// #for $r 4 7
/** One strip and up to six rows: the upper halves, then the lower. */
function strip_$m_$r(
  a: usize,
  low: usize,
  b: usize,
  size: usize,
  starts: usize,
  units: usize,
  scales: usize,
  out: usize,
  step: usize,
): void {
  const start0 = start_$m(starts), start1 = start_$m(starts + 16);
  // #for $j 0 $r
  let c$j = start0, d$j = start1;
  // #end
  // #for $h 0 2
  let p$h = a + low * $h;
  for (let q = b, end = b + size; q < end; q += 32) {
    const x = v128.load(q), y = v128.load(q, 16);
    // #for $j 0 $r
    const w$j = v128.load32_splat(p$h, $j * ROW_$m);
    c$j = dot(x, w$j, c$j);
    d$j = dot(y, w$j, d$j);
    // #end
    p$h += $m == 0 ? $r * RELAXED_QUERY : 4;
  }
  // #for $g $h 1
  // #for $j 0 $r
  c$j = i32x4.shl(c$j, 7);
  d$j = i32x4.shl(d$j, 7);
  // #end
  // #end
  // #end
  // #for $j 0 $r
  const unit$j = v128.load32_splat(units, $j * 4), to$j = out + step * $j;
  finish_$m(to$j, c$j, unit$j, scale_$m(scales, $j * 4, 0));
  finish_$m(to$j + 16, d$j, unit$j, scale_$m(scales, $j * 4, 16));
  // #end
}
// #end
// #end

/** `sum + x · w` of signed bytes with bytes of 7 bits. */
// #inline
function dot(x: v128, w: v128, sum: v128): v128 {
  return i32x4.relaxed_dot_i8x16_i7x16_add_s(x, w, sum);
}
