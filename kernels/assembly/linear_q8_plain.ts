// @ts-nocheck AssemblyScript: compiled by asc, not by Deno.
//
// q8_0 weights without relaxed SIMD: see linear_q8_relaxed.ts. A product of 8
// bytes of a vector and 4 inputs has two sums for each of two rows, so a vector
// takes two accumulators (`a` for its first rows, `b` for its last).
import { floats_1 } from "./floats.ts";
import { Q8_BLOCK, Q8_SCALES } from "./packed.ts";
import { BLOCK, SCALE } from "./quantise.ts";
import { madd } from "./simd.ts";
import { storeRows } from "./store_rows.ts";

/** One token: `rows` floats to `out`. */
export function plainQ8(
  weight: usize,
  rows: i32,
  activations: usize,
  blocks: i32,
  out: usize,
): void {
  const end = activations + <usize> blocks * BLOCK;
  for (; rows > 0; rows -= 16) {
    // #for $r 0 4
    let sum$r = f32x4.splat(0);
    // #end
    for (let block = activations; block < end; block += BLOCK) {
      // #for $r 0 4
      let a$r = i32x4.splat(0), b$r = i32x4.splat(0);
      // #end
      // #for $g 0 8
      const x$g = v128.load64_splat(block, $g * 8);
      // #for $r 0 4
      a$r = dot(v128.load_ext<i8>(weight, $g * 64 + $r * 16), x$g, a$r);
      b$r = dot(v128.load_ext<i8>(weight, $g * 64 + $r * 16 + 8), x$g, b$r);
      // #end
      // #end
      const scale = v128.load32_splat(block, SCALE);
      // #for $r 0 4
      const scale$r = f32x4.mul(scale, floats_1(weight + Q8_SCALES + $r * 8));
      sum$r = madd(f32x4.convert_i32x4_s(pairs(a$r, b$r)), scale$r, sum$r);
      // #end
      weight += Q8_BLOCK;
    }
    // #for $r 0 4
    storeRows(out + $r * 16, rows - $r * 4, sum$r);
    // #end
    out += 64;
  }
}

/**
 * Four tokens, `stride` bytes apart, and `rows` rows of one tile: floats from
 * `out` on, `outStride` bytes apart. Weights are widened once for all four.
 */
export function plainQ8_tokens(
  weight: usize,
  rows: i32,
  activations: usize,
  stride: usize,
  blocks: i32,
  out: usize,
  outStride: usize,
): void {
  const end = activations + <usize> blocks * BLOCK;
  // 4 rows at a time: 8 sums of integers are as many as stay in registers.
  for (let r: usize = 0; r < 4; r++) {
    let w = weight + r * 16, scales = weight + r * 8;
    // #for $t 0 4
    let sum$t = f32x4.splat(0);
    // #end
    for (let block0 = activations; block0 < end; block0 += BLOCK) {
      // #for $t 1 4
      const block$t = block0 + $t * stride;
      // #end
      // #for $t 0 4
      let a$t = i32x4.splat(0), b$t = i32x4.splat(0);
      // #end
      // #for $g 0 8
      const wa$g = v128.load_ext<i8>(w, $g * 64);
      const wb$g = v128.load_ext<i8>(w, $g * 64 + 8);
      // #for $t 0 4
      const x$g$t = v128.load64_splat(block$t, $g * 8);
      a$t = dot(wa$g, x$g$t, a$t);
      b$t = dot(wb$g, x$g$t, b$t);
      // #end
      // #end
      const scale = floats_1(scales + Q8_SCALES);
      // #for $t 0 4
      const unit$t = v128.load32_splat(block$t, SCALE);
      sum$t = madd(
        f32x4.convert_i32x4_s(pairs(a$t, b$t)),
        f32x4.mul(unit$t, scale),
        sum$t,
      );
      // #end
      w += Q8_BLOCK;
      scales += Q8_BLOCK;
    }
    // #for $t 0 4
    storeRows(out + $t * outStride, rows, sum$t);
    // #end
    rows -= 4;
    out += 16;
  }
}

/** `sum + w · x`, lanes being sums of two products. */
// #inline
function dot(w: v128, x: v128, sum: v128): v128 {
  return i32x4.add(sum, i32x4.dot_i16x8_s(w, x));
}

/** Sums of neighbours. */
// #inline
function pairs(a: v128, b: v128): v128 {
  return i32x4.add(
    v128.shuffle<i32>(a, b, 0, 2, 4, 6),
    v128.shuffle<i32>(a, b, 1, 3, 5, 7),
  );
}
