// @ts-nocheck AssemblyScript: compiled by asc, not by Deno.

import { SCORES, tileHeight } from "./attention_rows.ts";
import { factorOf } from "./attention_softmax.ts";
import { keep, madd } from "./simd.ts";

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
  // #for $n 2 3
  // #for $r 1 4
  if (height == $r) {
    valuePairs$n_$r(tile, values, width, count, weights, factors, next);
  }
  // #end
  // #end
  // #for $n 1 2
  // #for $r 4 7
  if (height == $r) {
    valuePairs$n_$r(tile, values, width, count, weights, factors, next);
  }
  // #end
  // #end
}

// #for $n 1 3
// #for $r 1 7
/** {@linkcode valueTile} with tiles of $r rows by $n pairs of vectors. */
function valuePairs$n_$r(
  tile: usize,
  values: usize,
  width: usize,
  count: i32,
  weights: usize,
  factors: usize,
  next: usize,
): void {
  let at: usize = 0;
  for (; at + $n * 32 <= width; at += $n * 32, tile += $r * $n * 32) {
    addPairs$n_$r(tile, values + at, width, count, weights, factors, next);
    next += <usize> count * $n * 32;
  }
  for (; at < width; at += 16, tile += $r * 16) {
    addVector$r(tile, values + at, width, count, weights, factors);
  }
}

/** Pairs of vectors of every row; two values at a time, the last maybe twice. */
// #inline
function addPairs$n_$r(
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
  // #for $p 0 $n
  let a$p_$j = f32x4.mul(f$j, v128.load(tile, ($p * 2 * $r + $j) * 16));
  let b$p_$j = f32x4.mul(f$j, v128.load(tile, (($p * 2 + 1) * $r + $j) * 16));
  // #end
  // #end
  const last = value + <usize> (count - 1) * width;
  const lastNext = next + <usize> (count - 1) * $n * 32;
  let touched: i32 = 0;
  for (; value <= last; value += width << 1, weight += 8) {
    // #for $p 0 $n
    touched |= load<i32>(min(next + $p * 64, lastNext));
    // #end
    next += $n * 64;
    // #for $k 0 2
    const v$k = min(value + $k * width, last);
    // #for $p 0 $n
    const x$k_$p = v128.load(v$k, $p * 32),
      y$k_$p = v128.load(v$k, $p * 32 + 16);
    // #for $j 0 $r
    const w$k_$p_$j = v128.load32_splat(weight, $j * SCORES + $k * 4);
    a$p_$j = madd(w$k_$p_$j, x$k_$p, a$p_$j);
    b$p_$j = madd(w$k_$p_$j, y$k_$p, b$p_$j);
    // #end
    // #end
    // #end
  }
  keep(touched, tile);
  // #for $j 0 $r
  // #for $p 0 $n
  v128.store(tile, a$p_$j, ($p * 2 * $r + $j) * 16);
  v128.store(tile, b$p_$j, (($p * 2 + 1) * $r + $j) * 16);
  // #end
  // #end
}
// #end
// #end

// #for $r 1 7
/** One vector of every row, for what is left of a head of odd size. */
// #inline
function addVector$r(
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
