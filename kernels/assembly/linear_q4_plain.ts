// @ts-nocheck AssemblyScript: compiled by asc, not by Deno.
// deno-lint-ignore-file no-unused-vars verbatim-module-syntax -- used once unrolled
//
// q4_0 and q4_1 weights without relaxed SIMD: see linear_q4_relaxed.ts, and
// activations_plain.ts for the order in which the four nibbles of a word meet
// their inputs.
import { floats_1 } from "./floats.ts";
import { Q4_0_BLOCK, Q4_1_BLOCK, Q4_MINIMA, Q4_SCALES } from "./packed.ts";
import { BLOCK, SCALE, START, SUM } from "./quantise.ts";
import { madd } from "./simd.ts";
import { storeRows } from "./store_rows.ts";

// #for $m 0 2
/** One token: `rows` floats to `out`. */
export function plainQ4_$m(
  weight: usize,
  rows: i32,
  activations: usize,
  blocks: i32,
  out: usize,
): void {
  const end = activations + <usize> blocks * BLOCK;
  const mask = i16x8.splat(15);
  for (; rows > 0; rows -= 16) {
    // #for $r 0 4
    let sum$r = f32x4.splat(0);
    // #end
    for (let block = activations; block < end; block += BLOCK) {
      const start = $m ? i32x4.splat(0) : v128.load32_splat(block, START);
      // #for $r 0 4
      let dot$r = start;
      // #end
      // #for $j 0 4
      // #for $k 0 4
      const x$j$k = v128.load32_splat(block, $j * 16 + $k * 4);
      // #end
      // #for $r 0 4
      const w$j$r = v128.load(weight, $j * 64 + $r * 16);
      dot$r = dot(v128.and(w$j$r, mask), x$j0, dot$r);
      // #for $k 1 3
      const w$j$r$k = v128.and(i16x8.shr_u(w$j$r, $k * 4), mask);
      dot$r = dot(w$j$r$k, x$j$k, dot$r);
      // #end
      dot$r = dot(i16x8.shr_u(w$j$r, 12), x$j3, dot$r);
      // #end
      // #end
      const scale = v128.load32_splat(block, SCALE);
      const total = v128.load32_splat(block, SUM);
      // #for $r 0 4
      const scale$r = f32x4.mul(scale, floats_1(weight + Q4_SCALES + $r * 8));
      sum$r = madd(f32x4.convert_i32x4_s(dot$r), scale$r, sum$r);
      if ($m) {
        sum$r = madd(total, floats_1(weight + Q4_MINIMA + $r * 8), sum$r);
      }
      // #end
      weight += Q4_$m_BLOCK;
    }
    // #for $r 0 4
    storeRows(out + $r * 16, rows - $r * 4, sum$r);
    // #end
    out += 64;
  }
}
// #end

// #for $m 0 2
/**
 * Four tokens, `stride` bytes apart, and `rows` rows of one tile: floats from
 * `out` on, `outStride` bytes apart. Nibbles are unpacked once for all four.
 */
export function plainQ4_$m_tokens(
  weight: usize,
  rows: i32,
  activations: usize,
  stride: usize,
  blocks: i32,
  out: usize,
  outStride: usize,
): void {
  const end = activations + <usize> blocks * BLOCK;
  const mask = i16x8.splat(15);
  // Half a tile at a time: 8 sums of integers are as many as stay in registers.
  for (let half: usize = 0; half < 2; half++) {
    let w = weight + half * 32, scales = weight + half * 16;
    // #for $t 0 4
    // #for $r 0 2
    let sum$t$r = f32x4.splat(0);
    // #end
    // #end
    for (let block0 = activations; block0 < end; block0 += BLOCK) {
      // #for $t 1 4
      const block$t = block0 + $t * stride;
      // #end
      // #for $t 0 4
      const start$t = $m ? i32x4.splat(0) : v128.load32_splat(block$t, START);
      // #for $r 0 2
      let dot$t$r = start$t;
      // #end
      // #end
      // #for $j 0 4
      // #for $r 0 2
      const w$j$r = v128.load(w, $j * 64 + $r * 16);
      // #end
      // #for $k 0 4
      // #for $r 0 2
      const shifted$j$k$r = $k ? i16x8.shr_u(w$j$r, $k * 4) : w$j$r;
      const nibbles$j$k$r = v128.and(shifted$j$k$r, mask);
      // #end
      // #for $t 0 4
      const x$j$k$t = v128.load32_splat(block$t, $j * 16 + $k * 4);
      // #for $r 0 2
      dot$t$r = dot(nibbles$j$k$r, x$j$k$t, dot$t$r);
      // #end
      // #end
      // #end
      // #end
      // #for $r 0 2
      const scale$r = floats_1(scales + Q4_SCALES + $r * 8);
      const minimum$r = $m
        ? floats_1(scales + Q4_MINIMA + $r * 8)
        : f32x4.splat(0);
      // #end
      // #for $t 0 4
      const unit$t = v128.load32_splat(block$t, SCALE);
      const total$t = v128.load32_splat(block$t, SUM);
      // #for $r 0 2
      sum$t$r = madd(
        f32x4.convert_i32x4_s(dot$t$r),
        f32x4.mul(unit$t, scale$r),
        sum$t$r,
      );
      if ($m) sum$t$r = madd(total$t, minimum$r, sum$t$r);
      // #end
      // #end
      w += Q4_$m_BLOCK;
      scales += Q4_$m_BLOCK;
    }
    // #for $t 0 4
    // #for $r 0 2
    storeRows(out + $t * outStride + $r * 16, rows - $r * 4, sum$t$r);
    // #end
    // #end
    rows -= 8;
    out += 32;
  }
}
// #end

/** `sum + w · x`, lanes being sums of two products. */
// #inline
function dot(w: v128, x: v128, sum: v128): v128 {
  return i32x4.add(sum, i32x4.dot_i16x8_s(w, x));
}
