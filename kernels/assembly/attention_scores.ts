// @ts-nocheck AssemblyScript: compiled by asc, not by Deno.

import { SCORES, tileHeight } from "./attention_rows";
import { keep, madd, sums4 } from "./simd";

/**
 * Products of rows, from the tile that starts with row `from` on, with `count`
 * keys of `width` bytes: row `r`'s score of key `i` goes to
 * `scores + r · SCORES + 4 · i`. Up to three scores after the last are
 * overwritten.
 *
 * What lies `distance` bytes after the keys is brought into the cache on the
 * way: values, as a rule. It saves 10 %, as memory is read while it is computed.
 */
export function scoreBlock(
  from: i32,
  rows: i32,
  tiles: usize,
  keys: usize,
  width: usize,
  count: i32,
  scores: usize,
  distance: usize,
): void {
  const height = tileHeight(rows);
  for (let row = from; row < rows; row += height) {
    scoreTile(
      min(height, rows - row),
      tiles + <usize> row * width,
      keys,
      width,
      count,
      scores + <usize> row * SCORES,
      row == from ? distance : 0,
    );
  }
}

/** {@linkcode scoreBlock} for one tile of `height` rows. */
export function scoreTile(
  height: i32,
  tile: usize,
  keys: usize,
  width: usize,
  count: i32,
  scores: usize,
  distance: usize,
): void {
  // #for $r 1 7
  if (height == $r) {
    return scoreTile$r(tile, keys, width, count, scores, distance);
  }
  // #end
}

// #for $r 1 4
/** {@linkcode scoreTile} of a low tile: four keys at a time. */
function scoreTile$r(
  tile: usize,
  keys: usize,
  width: usize,
  count: i32,
  scores: usize,
  distance: usize,
): void {
  const last = keys + <usize> (count - 1) * width;
  for (let key = keys; key <= last; key += width << 2, scores += 16) {
    const key1 = min(key + width, last), key2 = min(key + width * 2, last);
    const key3 = min(key + width * 3, last);
    score4Keys$r(tile, key, key1, key2, key3, width, scores, distance);
  }
}

/** Scores of four keys, which may be the same one. */
// #inline
function score4Keys$r(
  tile: usize,
  key0: usize,
  key1: usize,
  key2: usize,
  key3: usize,
  width: usize,
  scores: usize,
  distance: usize,
): void {
  // #for $j 0 $r
  let a$j = f32x4.splat(0), b$j = a$j, c$j = a$j, d$j = a$j;
  // #end
  const step: usize = key3 == key0 + width * 3 ? 64 : 16; // not past the end
  let ahead = key0 + distance, touched: i32 = 0;
  for (let at: usize = 0; at < width; at += 16, tile += $r * 16) {
    touched |= load<i32>(ahead);
    ahead += step;
    const k0 = v128.load(key0 + at), k1 = v128.load(key1 + at);
    // #for $j 0 $r
    const q$j = v128.load(tile, $j * 16);
    a$j = madd(k0, q$j, a$j);
    b$j = madd(k1, q$j, b$j);
    // #end
    const k2 = v128.load(key2 + at), k3 = v128.load(key3 + at);
    // #for $j 0 $r
    const p$j = v128.load(tile, $j * 16);
    c$j = madd(k2, p$j, c$j);
    d$j = madd(k3, p$j, d$j);
    // #end
  }
  keep(touched, scores);
  // #for $j 0 $r
  v128.store(scores + $j * SCORES, sums4(a$j, b$j, c$j, d$j));
  // #end
}
// #end

// #for $r 4 7
/** {@linkcode scoreTile} of a high tile: two keys at a time. */
function scoreTile$r(
  tile: usize,
  keys: usize,
  width: usize,
  count: i32,
  scores: usize,
  distance: usize,
): void {
  const last = keys + <usize> (count - 1) * width;
  for (let key = keys; key <= last; key += width << 1, scores += 8) {
    score2Keys$r(tile, key, min(key + width, last), width, scores, distance);
  }
}

/** Scores of two keys, which may be the same one. */
// #inline
function score2Keys$r(
  tile: usize,
  key0: usize,
  key1: usize,
  width: usize,
  scores: usize,
  distance: usize,
): void {
  // #for $j 0 $r
  let a$j = f32x4.splat(0), b$j = a$j;
  // #end
  const step: usize = key1 == key0 + width ? 64 : 32; // not past the end
  let ahead = key0 + distance, touched: i32 = 0;
  let at: usize = 0;
  for (; at + 32 <= width; at += 32, tile += $r * 32, ahead += step) {
    touched |= load<i32>(ahead);
    // #for $u 0 2
    const e$u = v128.load(key0 + at, $u * 16);
    const f$u = v128.load(key1 + at, $u * 16);
    // #for $j 0 $r
    const q$u_$j = v128.load(tile, ($u * $r + $j) * 16);
    a$j = madd(e$u, q$u_$j, a$j);
    b$j = madd(f$u, q$u_$j, b$j);
    // #end
    // #end
  }
  if (at < width) { // an odd number of vectors
    // #for $j 0 $r
    const q$j = v128.load(tile, $j * 16);
    a$j = madd(v128.load(key0 + at), q$j, a$j);
    b$j = madd(v128.load(key1 + at), q$j, b$j);
    // #end
  }
  keep(touched, scores);
  // #for $j 0 $r
  v128.store64_lane(scores + $j * SCORES, sums4(a$j, b$j, a$j, b$j), 0);
  // #end
}
// #end
