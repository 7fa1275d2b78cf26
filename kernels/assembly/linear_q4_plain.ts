// @ts-nocheck AssemblyScript: compiled by asc, not by Deno.
// deno-lint-ignore-file no-unused-vars verbatim-module-syntax -- used once unrolled
//
// q4_0 and q4_1 weights without relaxed SIMD: see linear_q4_relaxed.ts, and
// activations_plain.ts for what the four masks pick.
import { Q4_0_BLOCK, Q4_1_BLOCK, Q4_MINIMA, Q4_SCALES } from "./packed";
import { BLOCK, SCALE, START, SUM } from "./quantise";
import { madd } from "./simd";
import { storeGroup, storeRows } from "./store_rows";

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
  // #for $k 0 3
  const mask$k = i16x8.splat(15 << ($k * 4));
  // #end
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
      // #for $k 0 3
      dot$r = dot(v128.and(w$j$r, mask$k), x$j$k, dot$r);
      // #end
      dot$r = dot(i16x8.shr_u(w$j$r, 12), x$j3, dot$r);
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
export function plainQ4x4_$m(
  weight: usize,
  rows: i32,
  activations: usize,
  blocks: i32,
  out: usize,
  outStride: usize,
  tokens: i32,
): void {
  // #for $k 0 3
  const mask$k = i16x8.splat(15 << ($k * 4));
  // #end
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
      // #for $k 0 3
      const w$j$r$k = v128.and(w$j$r, mask$k);
      // #end
      const w$j$r3 = i16x8.shr_u(w$j$r, 12);
      // #end
      // #for $n 0 4
      // #for $k 0 4
      const x$j$n$k = v128.load32_splat(
        block$n,
        $j * 16 + $k * 4,
      );
      // #for $r 0 2
      dot$n$r = dot(w$j$r$k, x$j$n$k, dot$n$r);
      // #end
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

/** `sum + w · x`, lanes being sums of two products. */
// #inline
function dot(w: v128, x: v128, sum: v128): v128 {
  return i32x4.add(sum, i32x4.dot_i16x8_s(w, x));
}
