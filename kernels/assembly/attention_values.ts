// @ts-nocheck AssemblyScript: compiled by asc, not by Deno.

import { SCORES, tileHeight } from "./attention_rows";
import { factorOf } from "./attention_softmax";
import { keep, madd } from "./simd";

/**
 * `output = factor · output + Σ weight · value` for the rows from `from` on and
 * `count` values of `width` bytes; weights are laid out as scores are, and
 * the one after an odd number is 0. On the way `count` rows from `next` on are
 * brought into the cache.
 */
export function valueBlock(
  from: i32,
  rows: i32,
  tiles: usize,
  values: usize,
  width: usize,
  count: i32,
  weights: usize,
  statistics: usize,
  next: usize,
): void {
  const height = tileHeight(rows);
  for (let row = from; row < rows; row += height) {
    valueTile(
      min(height, rows - row),
      tiles + <usize> row * width,
      values,
      width,
      count,
      weights + <usize> row * SCORES,
      factorOf(statistics, row, rows),
      row == from ? next : values,
    );
  }
}

/** {@linkcode valueBlock} for one tile of `height` rows. */
function valueTile(
  height: i32,
  tile: usize,
  values: usize,
  width: usize,
  count: i32,
  weights: usize,
  factors: usize,
  next: usize,
): void {
  // #for $r 1 7
  if (height == $r) {
    return valueTile$r(tile, values, width, count, weights, factors, next);
  }
  // #end
}

// #for $r 1 4
/** {@linkcode valueTile} of a low tile: four vectors at a time. */
function valueTile$r(
  tile: usize,
  values: usize,
  width: usize,
  count: i32,
  weights: usize,
  factors: usize,
  next: usize,
): void {
  let at: usize = 0;
  for (; at + 64 <= width; at += 64, tile += $r * 64) {
    value4Vectors$r(tile, values + at, width, count, weights, factors, next);
    next += <usize> count << 6;
  }
  for (; at < width; at += 16, tile += $r * 16) {
    valueVector$r(tile, values + at, width, count, weights, factors);
  }
}

/** Four vectors of every row; two values at a time, the last maybe twice. */
// #inline
function value4Vectors$r(
  tile: usize,
  value: usize,
  width: usize,
  count: i32,
  weight: usize,
  factors: usize,
  next: usize,
): void {
  // #for $j 0 $r
  const f$j = v128.load32_splat(factors, $j * 4);
  // #for $c 0 4
  let o$c_$j = f32x4.mul(f$j, v128.load(tile, ($c * $r + $j) * 16));
  // #end
  // #end
  const last = value + <usize> (count - 1) * width;
  const lastNext = next + (<usize> (count - 1) << 6);
  let touched: i32 = 0;
  for (; value <= last; value += width << 1, weight += 8, next += 128) {
    touched |= load<i32>(next) | load<i32>(min(next + 64, lastNext));
    const value0 = value, value1 = min(value + width, last);
    // #for $k 0 2
    const a$k = v128.load(value$k), b$k = v128.load(value$k, 16);
    // #for $j 0 $r
    const p$k_$j = v128.load32_splat(weight, $j * SCORES + $k * 4);
    o0_$j = madd(p$k_$j, a$k, o0_$j);
    o1_$j = madd(p$k_$j, b$k, o1_$j);
    // #end
    const c$k = v128.load(value$k, 32), d$k = v128.load(value$k, 48);
    // #for $j 0 $r
    const r$k_$j = v128.load32_splat(weight, $j * SCORES + $k * 4);
    o2_$j = madd(r$k_$j, c$k, o2_$j);
    o3_$j = madd(r$k_$j, d$k, o3_$j);
    // #end
    // #end
  }
  keep(touched, tile);
  // #for $j 0 $r
  // #for $c 0 4
  v128.store(tile, o$c_$j, ($c * $r + $j) * 16);
  // #end
  // #end
}
// #end

// #for $r 4 7
/** {@linkcode valueTile} of a high tile: two vectors at a time. */
function valueTile$r(
  tile: usize,
  values: usize,
  width: usize,
  count: i32,
  weights: usize,
  factors: usize,
  next: usize,
): void {
  let at: usize = 0;
  for (; at + 32 <= width; at += 32, tile += $r * 32) {
    value2Vectors$r(tile, values + at, width, count, weights, factors, next);
    next += <usize> count << 5;
  }
  for (; at < width; at += 16, tile += $r * 16) {
    valueVector$r(tile, values + at, width, count, weights, factors);
  }
}

/** Two vectors of every row; two values at a time, the last maybe twice. */
// #inline
function value2Vectors$r(
  tile: usize,
  value: usize,
  width: usize,
  count: i32,
  weight: usize,
  factors: usize,
  next: usize,
): void {
  // #for $j 0 $r
  const f$j = v128.load32_splat(factors, $j * 4);
  // #for $c 0 2
  let o$c_$j = f32x4.mul(f$j, v128.load(tile, ($c * $r + $j) * 16));
  // #end
  // #end
  const last = value + <usize> (count - 1) * width;
  let touched: i32 = 0;
  for (; value <= last; value += width << 1, weight += 8, next += 64) {
    touched |= load<i32>(next);
    const value0 = value, value1 = min(value + width, last);
    // #for $k 0 2
    const a$k = v128.load(value$k), b$k = v128.load(value$k, 16);
    // #for $j 0 $r
    const p$k_$j = v128.load32_splat(weight, $j * SCORES + $k * 4);
    o0_$j = madd(p$k_$j, a$k, o0_$j);
    o1_$j = madd(p$k_$j, b$k, o1_$j);
    // #end
    // #end
  }
  keep(touched, tile);
  // #for $j 0 $r
  // #for $c 0 2
  v128.store(tile, o$c_$j, ($c * $r + $j) * 16);
  // #end
  // #end
}
// #end

// #for $r 1 7
/** One vector of every row, for what is left of a head of odd size. */
// #inline
function valueVector$r(
  tile: usize,
  value: usize,
  width: usize,
  count: i32,
  weight: usize,
  factors: usize,
): void {
  // #for $j 0 $r
  const f$j = v128.load32_splat(factors, $j * 4);
  let o$j = f32x4.mul(f$j, v128.load(tile, $j * 16));
  // #end
  for (; count > 0; count--, weight += 4, value += width) {
    const v = v128.load(value);
    // #for $j 0 $r
    o$j = madd(v128.load32_splat(weight, $j * SCORES), v, o$j);
    // #end
  }
  // #for $j 0 $r
  v128.store(tile, o$j, $j * 16);
  // #end
}
// #end
