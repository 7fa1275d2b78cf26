// @ts-nocheck AssemblyScript: compiled by asc, not by Deno.
// deno-lint-ignore-file no-unused-vars verbatim-module-syntax -- used once unrolled
//
// q4_0 and q4_1 weights with relaxed SIMD, like linear_q8.ts. Kernels whose
// name ends in 0 are for q4_0, in 1 for q4_1, which has minima.
import { Q4_0_BLOCK, Q4_1_BLOCK, Q4_MINIMA, Q4_SCALES } from "./packed";
import { BLOCK, SCALE, START, SUM } from "./quantise";
import { madd } from "./simd";
import { storeGroup, storeRows } from "./store_rows";

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
      let dot$r = start;
      // #end
      // #for $j 0 4
      const low$j = v128.load32_splat(block, $j * 8);
      const high$j = v128.load32_splat(block, $j * 8 + 4);
      // #for $r 0 4
      const w$j$r = v128.load(weight, $j * 64 + $r * 16);
      dot$r = dot(low$j, v128.and(w$j$r, mask), dot$r);
      dot$r = dot(high$j, v128.and(i16x8.shr_u(w$j$r, 4), mask), dot$r);
      // #end
      // #end
      const scale = v128.load32_splat(block, SCALE);
      const total = v128.load32_splat(block, SUM);
      // #for $r 0 4
      const scale$r = f32x4.mul(scale, v128.load(weight, Q4_SCALES + $r * 16));
      sum$r = madd(f32x4.convert_i32x4_s(dot$r), scale$r, sum$r);
      if ($m) {
        sum$r = madd(total, v128.load(weight, Q4_MINIMA + $r * 16), sum$r);
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

/** Four tokens and 8 rows of a tile: see `relaxedQ8x4`. */
export function relaxedQ4x4_$m(
  weight: usize,
  rows: i32,
  activations: usize,
  blocks: i32,
  out: usize,
  outStride: usize,
  tokens: i32,
): void {
  const mask = i8x16.splat(15);
  for (; tokens > 0; tokens -= 4) {
    let tile = weight;
    // #for $n 0 4
    // #for $r 0 2
    let sum$n$r = f32x4.splat(0);
    // #end
    // #end
    for (let i = 0; i < blocks; i++) {
      // #for $n 0 4
      const block$n = activations + $n * BLOCK;
      // #end
      // #for $n 0 4
      const start$n = $m ? i32x4.splat(0) : v128.load32_splat(block$n, START);
      // #for $r 0 2
      let dot$n$r = start$n;
      // #end
      // #end
      // #for $j 0 4
      // #for $r 0 2
      const w$j$r = v128.load(tile, $j * 64 + $r * 16);
      const wlow$j$r = v128.and(w$j$r, mask);
      const whigh$j$r = v128.and(i16x8.shr_u(w$j$r, 4), mask);
      // #end
      // #for $n 0 4
      const low$j$n = v128.load32_splat(block$n, $j * 8);
      const high$j$n = v128.load32_splat(block$n, $j * 8 + 4);
      // #for $r 0 2
      dot$n$r = dot(low$j$n, wlow$j$r, dot$n$r);
      dot$n$r = dot(high$j$n, whigh$j$r, dot$n$r);
      // #end
      // #end
      // #end
      // #for $r 0 2
      const scale$r = v128.load(tile, Q4_SCALES + $r * 16);
      // #end
      // #for $n 0 4
      const unit$n = v128.load32_splat(block$n, SCALE);
      const total$n = v128.load32_splat(block$n, SUM);
      // #for $r 0 2
      const scale$n$r = f32x4.mul(unit$n, scale$r);
      sum$n$r = madd(f32x4.convert_i32x4_s(dot$n$r), scale$n$r, sum$n$r);
      if ($m) {
        const minimum = v128.load(tile, Q4_MINIMA + $r * 16);
        sum$n$r = madd(total$n, minimum, sum$n$r);
      }
      // #end
      // #end
      tile += Q4_$m_BLOCK;
      activations += 4 * BLOCK;
    }
    storeGroup(
      out,
      outStride,
      rows,
      tokens,
      sum00,
      sum01,
      sum10,
      sum11,
      sum20,
      sum21,
      sum30,
      sum31,
    );
    out += outStride * 4;
  }
}
// #end

/** `sum + a · w` of 4 signed bytes with 4 nibbles. */
// #inline
function dot(a: v128, w: v128, sum: v128): v128 {
  return i32x4.relaxed_dot_i8x16_i7x16_add_s(a, w, sum);
}
