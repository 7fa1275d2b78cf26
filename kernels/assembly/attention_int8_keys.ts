// @ts-nocheck AssemblyScript: compiled by asc, not by Deno.

import { SCORES } from "./attention_rows.ts";
import { keep } from "./simd.ts";

/** Bytes of a query that go together, in a tile of rows: 16 channels. */
export const QUERY: usize = 32;

/**
 * Scores of up to three queries, of two bytes a channel, and `count` keys of
 * `headDim` bytes: tiles of three by three, whose nine sums fit into the
 * registers of x86-64 with all operands. What lies `distance` bytes after the
 * keys is brought into the cache on the way.
 *
 * @param units What a unit of each query is worth, an f32 each.
 * @param scales Those of the keys, one more than there are.
 * @param scores Result, three entries at least; rows are `SCORES` bytes apart.
 */
export function keyTile(
  height: i32,
  query: usize,
  keys: usize,
  headDim: usize,
  count: i32,
  units: usize,
  scales: usize,
  scores: usize,
  distance: usize,
): void {
  // #for $r 1 4
  if (height == $r) {
    // deno-fmt-ignore
    return keyTile$r(query, keys, headDim, count, units, scales, scores, distance);
  }
  // #end
}

// #for $r 1 4
function keyTile$r(
  query: usize,
  keys: usize,
  headDim: usize,
  count: i32,
  units: usize,
  scales: usize,
  scores: usize,
  distance: usize,
): void {
  const last = keys + <usize> (count - 1) * headDim;
  const step: usize = count < 3 ? 16 : 48; // not past the end
  for (let i = 0; i < count; i += 3) {
    // The last ones are not 64, 65 and 66, but 61, 62 and 63.
    const first = <usize> max(0, min(i, count - 3)), at = first << 2;
    const key = keys + first * headDim;
    // deno-fmt-ignore
    threeKeys$r(query, key, last, headDim, units, scales + at, scores + at, key + distance, step);
  }
}

/** Scores of three keys, which may be the same one. */
// #inline
function threeKeys$r(
  query: usize,
  key0: usize,
  last: usize,
  headDim: usize,
  units: usize,
  scales: usize,
  scores: usize,
  ahead: usize,
  step: usize,
): void {
  // #for $j 0 $r
  let a$j = i32x4.splat(0), b$j = a$j, c$j = a$j;
  // #end
  let key1 = min(key0 + headDim, last), key2 = min(key1 + headDim, last);
  let touched: i32 = 0;
  for (const end = key0 + headDim; key0 < end; query += $r * QUERY) {
    touched |= load<i32>(ahead);
    ahead += step;
    // #for $h 0 2
    const x$h = v128.load_ext<i8>(key0, $h * 8);
    const y$h = v128.load_ext<i8>(key1, $h * 8);
    const z$h = v128.load_ext<i8>(key2, $h * 8);
    // #for $j 0 $r
    const q$h_$j = v128.load(query, $j * QUERY + $h * 16);
    a$j = i32x4.add(a$j, i32x4.dot_i16x8_s(x$h, q$h_$j));
    b$j = i32x4.add(b$j, i32x4.dot_i16x8_s(y$h, q$h_$j));
    c$j = i32x4.add(c$j, i32x4.dot_i16x8_s(z$h, q$h_$j));
    // #end
    // #end
    key0 += 16;
    key1 += 16;
    key2 += 16;
  }
  keep(touched, scores);
  const scale = v128.load(scales);
  // #for $j 0 $r
  const sum$j = f32x4.convert_i32x4_s(sums3(a$j, b$j, c$j));
  const unit$j = v128.load32_splat(units, $j * 4);
  const score$j = f32x4.mul(sum$j, f32x4.mul(unit$j, scale));
  v128.store64_lane(scores + $j * SCORES, score$j, 0);
  v128.store32_lane(scores + $j * SCORES + 8, score$j, 2);
  // #end
}
// #end

/** Lane `i` of the result, of three, is the sum of the lanes of argument `i`. */
// #inline
function sums3(a: v128, b: v128, c: v128): v128 {
  const ab = i32x4.add(
    v128.shuffle<i32>(a, b, 0, 1, 4, 5),
    v128.shuffle<i32>(a, b, 2, 3, 6, 7),
  );
  const cc = i32x4.add(c, v128.shuffle<i32>(c, c, 2, 3, 0, 1));
  return i32x4.add(
    v128.shuffle<i32>(ab, cc, 0, 2, 4, 4),
    v128.shuffle<i32>(ab, cc, 1, 3, 5, 5),
  );
}
