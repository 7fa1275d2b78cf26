// @ts-nocheck AssemblyScript: compiled by asc, not by Deno.

import { SCORES } from "./attention_rows.ts";
import { keep, madd, sums4 } from "./simd.ts";

/** {@linkcode scoreTile} for four to six rows: tiles of two keys. */
export function scoreHighTile(
  height: i32,
  tile: usize,
  keys: usize,
  width: usize,
  count: i32,
  scores: usize,
  distance: usize,
): void {
  // #for $r 4 7
  if (height == $r) {
    return scoreTile$r(tile, keys, width, count, scores, distance);
  }
  // #end
}

// #for $r 4 7
/** All keys of a block, two at a time. */
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
