// @ts-nocheck AssemblyScript: compiled by asc, not by Deno.

import { SCORES } from "./attention_rows.ts";
import { keep, madd, sums4 } from "./simd.ts";

/** {@linkcode scoreTile} for up to three rows: tiles of four keys. */
export function scoreLowTile(
  height: i32,
  tile: usize,
  keys: usize,
  width: usize,
  count: i32,
  scores: usize,
  distance: usize,
): void {
  // #for $r 1 4
  if (height == $r) {
    return scoreTile$r(tile, keys, width, count, scores, distance);
  }
  // #end
}

// #for $r 1 4
/** All keys of a block, four at a time. */
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
  let at: usize = 0;
  for (; at + 32 <= width; at += 32, tile += $r * 32, ahead += step << 1) {
    touched |= load<i32>(ahead) | load<i32>(ahead + step);
    // #for $u 0 2
    const e$u = v128.load(key0 + at, $u * 16);
    const f$u = v128.load(key1 + at, $u * 16);
    // #for $j 0 $r
    const q$u_$j = v128.load(tile, ($u * $r + $j) * 16);
    a$j = madd(e$u, q$u_$j, a$j);
    b$j = madd(f$u, q$u_$j, b$j);
    // #end
    const g$u = v128.load(key2 + at, $u * 16);
    const h$u = v128.load(key3 + at, $u * 16);
    // #for $j 0 $r
    const p$u_$j = v128.load(tile, ($u * $r + $j) * 16);
    c$j = madd(g$u, p$u_$j, c$j);
    d$j = madd(h$u, p$u_$j, d$j);
    // #end
    // #end
  }
  if (at < width) {
    // #for $j 0 $r
    const q$j = v128.load(tile, $j * 16);
    a$j = madd(v128.load(key0 + at), q$j, a$j);
    b$j = madd(v128.load(key1 + at), q$j, b$j);
    c$j = madd(v128.load(key2 + at), q$j, c$j);
    d$j = madd(v128.load(key3 + at), q$j, d$j);
    // #end
  }
  keep(touched, scores);
  // #for $j 0 $r
  v128.store(scores + $j * SCORES, sums4(a$j, b$j, c$j, d$j));
  // #end
}
// #end
