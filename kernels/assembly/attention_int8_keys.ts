// @ts-nocheck AssemblyScript: compiled by asc, not by Deno.
// deno-lint-ignore-file no-unused-vars -- used once unrolled

import { keep } from "./simd.ts";

/**
 * Channels that are multiplied in one go. Queries, sums and weights of a tile
 * are at addresses known to the compiler, and loops over them are unrolled:
 * engines without a guard region check the bounds of every other access.
 */
export const CHANNELS: usize = 128;

/** Queries of a tile of up to six rows: 16 bits a channel, 256 bytes a row. */
// #inline
export const QUERIES: usize = memory.data(1536, 16);

/** Products of those with up to 64 keys, as integers. */
// #inline
export const PRODUCTS: usize = memory.data(1632, 16);

/** Bytes of a row of them: 64, and room after the last one. */
export const PRODUCTS_ROW: usize = 272;

/**
 * Products of a tile's queries with `count` keys of `headDim` bytes, `channels`
 * of them: three keys by three rows at a time, whose nine sums fit into the
 * registers of x86-64 with all operands. What lies `distance` bytes after the
 * keys is brought into the cache on the way, unless it is 0.
 *
 * @param more Whether to add to products of other channels.
 */
export function keyTile(
  height: i32,
  keys: usize,
  headDim: usize,
  channels: usize,
  count: i32,
  more: bool,
  distance: usize,
): void {
  const last = keys + <usize> (count - 1) * headDim;
  let to = PRODUCTS;
  for (let key = keys; key <= last; key += 3 * headDim, to += 12) {
    const second = min(key + headDim, last);
    const third = min(second + headDim, last);
    if (distance) touch(key + distance, third + distance + headDim, to);
    if (height >= 3) {
      threeKeys3_0(key, second, third, channels, more, to);
      if (height == 6) threeKeys3_1(key, second, third, channels, more, to);
    } else if (height == 2) {
      threeKeys2_0(key, second, third, channels, more, to);
    } else threeKeys1_0(key, second, third, channels, more, to);
  }
}

/** Brings what lies between `from` and `to` into the cache. */
// #inline
function touch(from: usize, to: usize, scrap: usize): void {
  let touched: i32 = 0;
  for (; from < to; from += 64) touched |= load<i32>(from);
  keep(touched, scrap);
}

// #for $f 0 2
// #for $r 1 4
/** Products of three keys, which may be the same one. */
// #inline
function threeKeys$r_$f(
  key0: usize,
  key1: usize,
  key2: usize,
  channels: usize,
  more: bool,
  to: usize,
): void {
  // #for $j 0 $r
  let a$j = i32x4.splat(0), b$j = a$j, c$j = a$j;
  // #end
  do {
    // #for $s 0 8
    // #for $h 0 2
    const x$s_$h = v128.load_ext<i8>(key0, $s * 16 + $h * 8);
    const y$s_$h = v128.load_ext<i8>(key1, $s * 16 + $h * 8);
    const z$s_$h = v128.load_ext<i8>(key2, $s * 16 + $h * 8);
    // #for $j 0 $r
    // deno-fmt-ignore
    const q$s_$h_$j = v128.load(QUERIES, ($f * 3 + $j) * 256 + $s * 32 + $h * 16);
    a$j = i32x4.add(a$j, i32x4.dot_i16x8_s(x$s_$h, q$s_$h_$j));
    b$j = i32x4.add(b$j, i32x4.dot_i16x8_s(y$s_$h, q$s_$h_$j));
    c$j = i32x4.add(c$j, i32x4.dot_i16x8_s(z$s_$h, q$s_$h_$j));
    // #end
    // #end
    if (channels == ($s + 1) * 16) break;
    // #end
  } while (false);
  // #for $j 0 $r
  storeSums(sums3(a$j, b$j, c$j), more, to + ($f * 3 + $j) * PRODUCTS_ROW);
  // #end
}
// #end
// #end

/** Stores three sums, and after them what the next ones replace. */
// #inline
function storeSums(sums: v128, more: bool, to: usize): void {
  if (more) {
    const three = v128.and(sums, i32x4(-1, -1, -1, 0));
    sums = i32x4.add(three, v128.load(to));
  }
  v128.store(to, sums);
}

/** Lane `i` of the result, of three, is the sum of the lanes of argument `i`. */
// #inline
function sums3(a: v128, b: v128, c: v128): v128 {
  const ab = i32x4.add(
    v128.shuffle<i32>(a, b, 0, 4, 1, 5),
    v128.shuffle<i32>(a, b, 2, 6, 3, 7),
  );
  const cc = i32x4.add(c, v128.shuffle<i32>(c, c, 2, 3, 0, 1));
  return i32x4.add(
    v128.shuffle<i32>(ab, cc, 0, 1, 4, 5),
    v128.shuffle<i32>(ab, cc, 2, 3, 5, 5),
  );
}
