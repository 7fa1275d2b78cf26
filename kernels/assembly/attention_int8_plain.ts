// @ts-nocheck AssemblyScript: compiled by asc, not by Deno.
// deno-lint-ignore-file no-unused-vars verbatim-module-syntax -- used once unrolled
//
// Products of strips with rows of 14 bits in words of 16, without relaxed SIMD:
// `dot_i16x8` sums pairs, so that the two halves of a sum are neighbours.
// Functions that end in 0 are of keys, those in 1 of values.
import {
  finish_0,
  finish_1,
  scale_0,
  scale_1,
  SCALES_0,
  SCALES_1,
} from "./attention_int8_finish.ts";

/** Bytes of a row's weights of a block. */
export const PLAIN_WEIGHTS: usize = 128;
/** Bytes of a query that go together, in a group of rows. */
export const PLAIN_QUERY: usize = 8;

/** Bytes from the same part of one row to that of the next. */
const ROW_0: usize = PLAIN_QUERY, ROW_1: usize = PLAIN_WEIGHTS;

/** Stores 16 integers of a query, four at each step. */
export function plainQuery(to: usize, step: usize, a: v128, b: v128): void {
  v128.store64_lane(to, a, 0);
  v128.store64_lane(to + step, a, 1);
  v128.store64_lane(to + step * 2, b, 0);
  v128.store64_lane(to + step * 3, b, 1);
}

/** Stores 16 weights, the `at`-th and those after, of a row. */
// #inline
export function plainWeights(row: usize, at: usize, a: v128, b: v128): void {
  v128.store(row + at * 2, a);
  v128.store(row + at * 2, b, 16);
}

// #for $m 0 2
/** {@linkcode relaxedStrips_$m}, where sums start at 0. */
export function plainStrips_$m(
  height: i32,
  a: usize,
  strips: usize,
  strip: usize,
  groups: i32,
  count: i32,
  units: usize,
  scales: usize,
  out: usize,
  step: usize,
): void {
  const size = <usize> groups << 5;
  for (; count > 0; count--) {
    // #for $r 1 7
    if (height == $r) {
      fourLanes_$m_$r(a, strips, size, units, scales, out, step);
      const next = scales + (SCALES_$m >> 1);
      fourLanes_$m_$r(a, strips + 16, size, units, next, out + 16, step);
    }
    // #end
    strips += strip;
    scales += SCALES_$m;
    out += 32;
  }
}

// #for $r 1 7
/** Half a strip. */
function fourLanes_$m_$r(
  a: usize,
  b: usize,
  size: usize,
  units: usize,
  scales: usize,
  out: usize,
  step: usize,
): void {
  // #for $j 0 $r
  let c$j = i32x4.splat(0), d$j = c$j;
  // #end
  for (const end = b + size; b < end; b += 32) {
    const x = v128.load_ext<i8>(b), y = v128.load_ext<i8>(b, 8);
    // #for $j 0 $r
    const w$j = v128.load64_splat(a, $j * ROW_$m);
    c$j = i32x4.add(c$j, i32x4.dot_i16x8_s(x, w$j));
    d$j = i32x4.add(d$j, i32x4.dot_i16x8_s(y, w$j));
    // #end
    a += $m == 0 ? $r * PLAIN_QUERY : 8;
  }
  // #for $j 0 $r
  const unit$j = v128.load32_splat(units, $j * 4);
  const sum$j = i32x4.add(
    v128.shuffle<i32>(c$j, d$j, 0, 2, 4, 6),
    v128.shuffle<i32>(c$j, d$j, 1, 3, 5, 7),
  );
  finish_$m(out + step * $j, sum$j, unit$j, scale_$m(scales, $j * 4, 0));
  // #end
}
// #end
// #end
