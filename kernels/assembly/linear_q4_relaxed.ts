// @ts-nocheck AssemblyScript: compiled by asc, not by Deno.
// deno-lint-ignore-file no-unused-vars verbatim-module-syntax -- used once unrolled
//
// q4_0 and q4_1 weights with relaxed SIMD, like linear_q8_relaxed.ts. Kernels whose
// name ends in 0 are for q4_0, in 1 for q4_1, which has minima.
import { floats_1 } from "./floats.ts";
import { Q4_0_BLOCK, Q4_1_BLOCK, Q4_MINIMA, Q4_SCALES } from "./packed.ts";
import { LOW } from "./activations_relaxed.ts";
import { BLOCK, SCALE, START, SUM } from "./quantise.ts";
import { madd } from "./simd.ts";
import { storeRows } from "./store_rows.ts";

// #for $m 0 2
/** One token: `rows` floats to `out`. */
export function relaxedQ4_$m(
  weight: usize,
  rows: i32,
  activations: usize,
  blocks: i32,
  out: usize,
): void {
  const end = activations + <usize> blocks * BLOCK, mask = i8x16.splat(15);
  for (; rows > 0; rows -= 16) {
    // #for $r 0 4
    let sum$r = f32x4.splat(0);
    // #end
    for (let block = activations; block < end; block += BLOCK) {
      const start = $m ? i32x4.splat(0) : v128.load32_splat(block, START);
      // #for $r 0 4
      let high$r = i32x4.splat(0), low$r = start;
      // #end
      // #for $j 0 4
      const xhigh0$j = v128.load32_splat(block, $j * 8);
      const xhigh1$j = v128.load32_splat(block, $j * 8 + 4);
      const xlow0$j = v128.load32_splat(block, LOW + $j * 8);
      const xlow1$j = v128.load32_splat(block, LOW + $j * 8 + 4);
      // #for $r 0 4
      const w$j$r = v128.load(weight, $j * 64 + $r * 16);
      const w0$j$r = v128.and(w$j$r, mask);
      const w1$j$r = v128.and(i16x8.shr_u(w$j$r, 4), mask);
      high$r = dot(xhigh0$j, w0$j$r, high$r);
      low$r = dot(xlow0$j, w0$j$r, low$r);
      high$r = dot(xhigh1$j, w1$j$r, high$r);
      low$r = dot(xlow1$j, w1$j$r, low$r);
      // #end
      // #end
      const scale = v128.load32_splat(block, SCALE);
      const total = v128.load32_splat(block, SUM);
      // #for $r 0 4
      const scale$r = f32x4.mul(scale, floats_1(weight + Q4_SCALES + $r * 8));
      sum$r = madd(
        f32x4.convert_i32x4_s(i32x4.add(i32x4.shl(high$r, 7), low$r)),
        scale$r,
        sum$r,
      );
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
 * `out` on, `outStride` bytes apart. High halves go first, so that both halves
 * of a product share a register.
 */
export function relaxedQ4_$m_tokens(
  weight: usize,
  rows: i32,
  activations: usize,
  stride: usize,
  blocks: i32,
  out: usize,
  outStride: usize,
): void {
  const end = activations + <usize> blocks * BLOCK, mask = i8x16.splat(15);
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
      // #for $r 0 2
      let dot$t$r = i32x4.splat(0);
      // #end
      // #end
      // #for $h 0 2
      // #for $j 0 4
      // #for $r 0 2
      const w$h$j$r = v128.load(w, $j * 64 + $r * 16);
      // #end
      // #for $k 0 2
      // #for $r 0 2
      const shifted$h$j$k$r = $k ? i16x8.shr_u(w$h$j$r, 4) : w$h$j$r;
      const nibbles$h$j$k$r = v128.and(shifted$h$j$k$r, mask);
      // #end
      // #for $t 0 4
      const x$h$j$k$t = v128.load32_splat(
        block$t,
        $h * LOW + $j * 8 + $k * 4,
      );
      // #for $r 0 2
      dot$t$r = dot(x$h$j$k$t, nibbles$h$j$k$r, dot$t$r);
      // #end
      // #end
      // #end
      // #end
      if (!$h) {
        // #for $t 0 4
        const start$t = $m ? i32x4.splat(0) : v128.load32_splat(block$t, START);
        // #for $r 0 2
        dot$t$r = i32x4.add(i32x4.shl(dot$t$r, 7), start$t);
        // #end
        // #end
      }
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

/** `sum + a · w` of 4 signed bytes with 4 nibbles. */
// #inline
function dot(a: v128, w: v128, sum: v128): v128 {
  return i32x4.relaxed_dot_i8x16_i7x16_add_s(a, w, sum);
}
